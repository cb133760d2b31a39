"""`Module`: the base of layers and models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import DTypeLike

from minigrad import lazy
from minigrad.core.errors import nearest
from minigrad.core.graph import Leaf
from minigrad.core.tensor import Tensor, tensor
from minigrad.core.types import AnyArray, Array
from minigrad.nn.errors import ModuleError, StateMismatch
from minigrad.nn.forward_hooks import FORWARD_HOOKS, ForwardHook, HookHandle, add_forward_hook, apply_hooks
from minigrad.nn.module_tree import ModuleBase, copy_tree, set_training, walk, walk_children
from minigrad.nn.options import check_options
from minigrad.nn.unsupported import attribute_hint
from minigrad.runtime.blocks import ContextStack, Overlays, block, context_block
from minigrad.runtime.effects import refuse_inside_program
from minigrad.runtime.parameters import assign, is_parameter, set_requires_grad

if TYPE_CHECKING:
    from minigrad.nn.summary import Summary

__all__ = ["Module", "ModuleHook", "module_hook", "parameter"]

_FORMER_LEVEL = "modules_held."  # in names that ModuleList and ModuleDict gave before they were PyTorch's


def parameter(value: Array, dtype: DTypeLike = np.float32) -> Tensor:
    """Make a trainable Tensor with a copy of `value`: a leaf that requires a gradient."""
    return tensor(value, requires_grad=True, dtype=dtype)


class ModuleHook(Protocol):
    """Takes over every call of a module inside `module_hook`."""

    def call(self, module: Module, inputs: tuple[Tensor | AnyArray, ...], **options: object) -> Tensor:
        """Return `module.forward(*inputs, **options)`, having looked at both."""
        ...


_HOOKS: ContextStack[ModuleHook] = ContextStack("nn_module_hooks")
_hooks = _HOOKS.entries.get
_MODES: Overlays[bool] = Overlays()


@context_block
def module_hook(hook: ModuleHook) -> Iterator[None]:
    """Send every call of a module in the block, also of those inside others, through `hook`."""
    with _HOOKS.pushed(hook):
        yield


class Module(ModuleBase):
    """A layer or a model.

    Subclasses are attrs classes (`@attrs.define`) or ordinary ones with an `__init__`. What their fields hold decides:
    a Tensor with `requires_grad` is a parameter; another Tensor is a buffer, saved but not trained; a Module is a part,
    and so are Modules and Tensors in lists, tuples and dicts. Names are the path of fields: `layers.0.weight`.
    A part that is reached twice (tied weights) counts once, under its first name.

    Attributes:
        forward: defined by each subclass; calling the module calls it.
    """

    __slots__ = ()

    forward: Callable[..., Tensor]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        construct = vars(cls).get("__init__")
        if isinstance(construct, FunctionType):
            cls.__init__ = check_options(cls, construct)  # type: ignore[method-assign]

    def __call__(self, *inputs: Tensor | AnyArray, **options: object) -> Tensor:
        """The output for a batch; which arguments and shapes fit is for `forward` to say."""
        hooks = _hooks()
        try:
            output = hooks[-1].value.call(self, inputs, **options) if hooks else self.forward(*inputs, **options)
        except AttributeError as error:
            if any(error.obj is x for x in inputs):
                kind = type(error.obj).__name__
                raise ModuleError(f"{type(self).__name__} takes Tensors or arrays, got a {kind}") from error
            raise
        return apply_hooks(self, inputs, output) if FORWARD_HOOKS else output

    def register_forward_hook(self, hook: ForwardHook) -> HookHandle:
        """Call `hook(module, inputs, output)` after each call of this module.

        Until `.remove()` of what is returned is called.
        What the hook returns, unless None, takes the place of the output. In a defined program it runs when the
        program is recorded, not at each run.
        """
        return add_forward_hook(self, hook)

    # -- what it is made of ------------------------------------------------------------------------------------------
    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """Name and Tensor of every parameter, in the order of the fields.

        Raises:
            ModuleError: a Tensor requires a gradient but is computed from others: it could not be trained.
        """
        parameters = [(name, part) for name, part in walk(self) if isinstance(part, Tensor) and part.requires_grad]
        for name, part in parameters:
            if not isinstance(part._node, Leaf):
                raise ModuleError(
                    f"{type(self).__name__}: {name} is the result of an operation, so no optimizer can train it; make "
                    "it with nn.parameter(array), from numbers"
                )
        return parameters

    def parameters(self) -> list[Tensor]:
        """The trainable Tensors, for an optimizer."""
        return [part for _, part in self.named_parameters()]

    def named_modules(self) -> list[tuple[str, Module]]:
        """Name and Module of every part, this one first under the empty name."""
        return [(name, part) for name, part in walk(self) if isinstance(part, Module)]

    def modules(self) -> list[Module]:
        """This module and every part, each once."""
        return [part for _, part in self.named_modules()]

    def named_children(self) -> list[tuple[str, Module]]:
        """Name and Module of the parts that are not inside another part."""
        return [(name, part) for name, part in walk_children(self) if isinstance(part, Module)]

    def children(self) -> list[Module]:
        """The parts that are not inside another part."""
        return [part for _, part in self.named_children()]

    def named_buffers(self) -> list[tuple[str, Tensor]]:
        """Name and Tensor of what is saved but not trained, such as running statistics."""
        return [(name, part) for name, part in walk(self) if isinstance(part, Tensor) and not is_parameter(part)]

    def buffers(self) -> list[Tensor]:
        """What is saved with the parameters but not trained."""
        return [part for _, part in self.named_buffers()]

    def apply(self, function: Callable[[Module], object]) -> Self:
        """Call `function` with every part, those inside others first and this module last.

        Returns the module.
        """
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Switch the gradients of all parameters on, or off.

        Without gradients they are no longer among `parameters()`.
        Do it before an optimizer gets the parameters. Returns the module.
        """
        for _, part in walk(self):
            if isinstance(part, Tensor) and is_parameter(part):
                set_requires_grad(part, requires_grad)
        return self

    @property
    def parameter_count(self) -> int:
        """Number of trainable numbers."""
        return sum(p.size for p in self.parameters())

    def summary(self, *batch: Tensor | AnyArray) -> Summary:
        """Measure shapes, parameters, bytes and FLOPs of each layer on one real batch.

        `print(model.summary(x))` is a table.

        The model runs once, in evaluation, and stays as it is. Errors are those of `forward`.
        """
        summarize: Callable[..., Summary] = lazy.load("minigrad.nn.summarize", "summarize")
        return summarize(self, batch)

    if not TYPE_CHECKING:  # type checkers know better which attributes there are

        def __getattr__(self, name: str) -> object:
            raise AttributeError(attribute_hint(self, name))

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            p.zero_grad()

    # -- training and evaluation ---------------------------------------------------------------------------------------
    def train(self, mode: bool = True) -> Self:
        """Switch this module and its parts to training (or, with False, to evaluation).

        Returns the module.
        """
        for _, part in self.named_modules():
            set_training(part, mode)
        return self

    def eval(self) -> Self:
        """Switch this module and its parts to evaluation. Returns the module."""
        return self.train(False)

    @block
    def mode(self, *, training: bool) -> Iterator[Self]:
        """Put this module and its parts in training or evaluation for a block.

        Each part gets its own mode back afterwards, in whatever order such blocks end.

        >>> with model.mode(training=False):
        ...     scores = model(x)
        """
        parts = {id(part): part for _, part in self.named_modules()}
        before: dict[int, bool] = {}
        try:
            with _MODES.lock:
                before.update((key, part.training) for key, part in parts.items())
                _MODES.begin(before)
                self.train(training)
            yield self
        finally:
            with _MODES.lock:
                for key, was_training in _MODES.end(before).items():
                    set_training(parts[key], was_training)

    # -- numbers in and out ----------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Array]:
        """A copy of all parameters and buffers, by name."""
        refuse_inside_program("model.state_dict()")
        return {name: part.numpy().copy() for name, part in walk(self) if isinstance(part, Tensor)}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Take all parameters and buffers from `state`, cast to the dtypes of this model.

        Raises:
            StateMismatch: names or shapes are not those of this model, which is left unchanged.
        """
        refuse_inside_program("model.load_state_dict(...)")
        own = {name: part for name, part in walk(self) if isinstance(part, Tensor)}
        if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
            raise StateMismatch(f"weights are a mapping of names to arrays, not this {type(state).__name__}")
        state = {name if name in own else name.replace(_FORMER_LEVEL, ""): value for name, value in state.items()}
        problems = [
            f"{name} has shape {np.shape(state[name])}, the model's is {t.shape}"
            for name, t in own.items()
            if name in state and np.shape(state[name]) != t.shape
        ]
        problems += [f"{name} is missing" for name in own if name not in state]
        problems += [f"{name} is not in the model.{nearest(name, own)}" for name in state if name not in own]
        if problems:
            more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
            raise StateMismatch(f"the weights do not fit {type(self).__name__}: {'; '.join(problems[:5])}{more}")
        for name in own:
            if np.asarray(state[name]).dtype.kind not in "fiub":
                raise StateMismatch(f"{name} is of dtype {np.asarray(state[name]).dtype}: weights are real numbers")
        for name, t in own.items():
            if t.requires_grad:
                assign(t, state[name])
            elif is_parameter(t):
                set_requires_grad(t, True)
                assign(t, state[name])
                set_requires_grad(t, False)
            else:
                t[...] = np.array(state[name], dtype=t.dtype)

    def astype(self, dtype: DTypeLike) -> Self:
        """Copy the module with another dtype of its floating parameters and buffers.

        float64 is for checking gradients.

        Settings are shared with the original; parameters, parts and random generators are the copy's own.
        """
        return copy_tree(self, np.dtype(dtype), {})

    def copy(self, *, share_parameters: bool = False) -> Self:
        """A copy with parameters of its own, or with the same ones.

        Args:
            share_parameters: the copy has the same parameters, but running statistics and random generators of its
                own: what it computes leaves no trace in this module, unless it is trained.
        """
        return copy_tree(self, None, {id(p): p for p in self.parameters()} if share_parameters else {})

    def twin(self) -> Self:
        """Former name of `copy(share_parameters=True)`."""
        lazy.warn_renamed("Module.twin()", "Module.copy(share_parameters=True)")
        return self.copy(share_parameters=True)
