"""What of PyTorch can be examined: a Function, a module or a plain function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import attrs

from minigrad import GradientError, InvalidRule
from minigrad_gate.foreign import Call, ForeignFunction, ForeignTensor, Options
from minigrad_gate.samples import SampledCalls, as_double, identifier, parameter_names
from minigrad_gate.torch_framework import TorchFramework


@attrs.frozen(eq=False)
class TorchSubject:
    """Something with a gradient.

    Attributes:
        kind: what it is, for messages.
        name: an identifier.
        names: of the parameters of a call, as `parameter_names` gives them.
        call: takes the arguments of a call, and for a module its parameters and buffers by name.
        function: the subclass of `torch.autograd.Function`, where it is one.
        parameters: of a module, by name.
        buffers: of a module, by name.
    """

    kind: str
    name: str
    names: tuple[list[str], str]
    call: Callable[..., Any]
    function: Any = None
    parameters: Mapping[str, ForeignTensor] = attrs.field(factory=dict)
    buffers: Mapping[str, ForeignTensor] = attrs.field(factory=dict)

    def with_parameters(self, framework: TorchFramework, calls: SampledCalls) -> SampledCalls:
        """Calls with the parameters of a module as further tensors."""
        if not self.parameters:
            return calls
        own = [n.replace(".", "_") for n in self.parameters]
        own = [f"parameter_{n}" if n in calls.pattern.tensors else n for n in own]
        numbers = tuple(as_double(framework.numbers(p, n)) for n, p in self.parameters.items())
        pattern = attrs.evolve(calls.pattern, tensors=(*calls.pattern.tensors, *own))
        return attrs.evolve(calls, pattern=pattern, arrays=[(*arrays, *numbers) for arrays in calls.arrays])

    def of_pattern(self, template: ForeignFunction, calls: SampledCalls) -> ForeignFunction:
        """The function that takes the tensors and options of these calls."""
        pattern = calls.pattern
        count = len(pattern.tensors) - len(self.parameters)

        def call(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
            args, kwargs = pattern.arguments(tensors[:count], options)
            if self.parameters:
                like = tensors[count]
                state = dict(zip(self.parameters, tensors[count:], strict=True))
                state |= {n: b.to(like.dtype) if b.is_floating_point() else b for n, b in self.buffers.items()}
                return outputs_of(self.call(state, *args, **kwargs), self)
            return outputs_of(self.call(*args, **kwargs), self)

        return self._differentiable_part(calls.function(template, call), calls)

    def _differentiable_part(self, function: ForeignFunction, calls: SampledCalls) -> ForeignFunction:
        """The function without outputs that it marks as not differentiable.

        It is called on copies if it changes its arguments in place.


        Raises:
            GradientError: no output can be differentiated.
        """
        framework, call = function.framework, function.call
        assert isinstance(framework, TorchFramework)

        def on_copies(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
            return function.call([t.clone() for t in tensors], options)

        try:
            outputs = self._probe(framework, call, calls)
            if any(y is None for y in outputs):
                call = on_copies  # torch lets no leaf be changed in place, which is what ctx.mark_dirty is for
                outputs = self._probe(framework, call, calls)
        except GradientError:
            raise
        except Exception:  # the examination tells what is wrong
            return function
        dead = [k for k, y in enumerate(outputs) if y.is_floating_point() and not y.requires_grad]
        if all(k in dead or not y.is_floating_point() for k, y in enumerate(outputs)):
            kinds = ", ".join(str(y.dtype) for y in outputs)
            raise GradientError(
                f"{self.kind} {self.name!r}: no output requires a gradient ({kinds}). Look for .detach(), .data, "
                "torch.no_grad() or ctx.mark_non_differentiable inside; integers have no gradient"
            )

        def part(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
            return tuple(y for k, y in enumerate(call(tensors, options)) if k not in dead)

        return attrs.evolve(function, call=part if dead else call)

    def _probe(self, framework: TorchFramework, call: Call, calls: SampledCalls) -> tuple[ForeignTensor, ...]:
        """The outputs on the first sample, None for an argument that was changed in place."""
        xs = [framework.tensor(a) for a in calls.arrays[0]]
        xs = [x if i in calls.integers else x.requires_grad_() for i, x in enumerate(xs)]
        with framework.torch.enable_grad():
            try:
                ys = call(xs, calls.options[0])
            except RuntimeError as error:
                if "in-place operation" not in str(error):
                    raise
                return (None,)
        return tuple(None if any(y is x and x._version for x in xs) else y for y in ys)


def outputs_of(found: Any, subject: TorchSubject) -> tuple[ForeignTensor, ...]:
    """All tensors that a call returned.

    Raises:
        GradientError: it returned something else.
    """
    if hasattr(found, "requires_grad"):
        return (found,)
    if isinstance(found, list | tuple):
        outputs = tuple(o for part in found if part is not None for o in outputs_of(part, subject))
        if outputs:
            return outputs
    if isinstance(found, dict):
        return tuple(o for part in found.values() for o in outputs_of(part, subject))
    raise GradientError(
        f"{subject.kind} {subject.name!r} returned {type(found).__name__}, not a tensor: its gradient is lost"
    )


def subject_of(torch: ModuleType, function: Any) -> TorchSubject:
    """Recognise what is to be checked.

    Raises:
        InvalidRule: it is nothing with a gradient, or backward is missing.
    """
    base = torch.autograd.Function
    if isinstance(function, type) and issubclass(function, base):
        return _of_function(base, function)
    if isinstance(function, torch.nn.Module):
        return _of_module(torch, function)
    if isinstance(function, type) and issubclass(function, torch.nn.Module):
        raise InvalidRule(f"check_torch takes a module, not its class: check_torch({function.__name__}(...), x)")
    owner = getattr(function, "__self__", None)
    if getattr(function, "__name__", "") == "apply" and isinstance(owner, type) and issubclass(owner, base):
        return _of_function(base, owner)
    if not callable(function):
        raise InvalidRule(
            f"check_torch takes a torch.autograd.Function, a module or a function of tensors, not "
            f"{type(function).__name__}"
        )
    name = str(getattr(function, "__name__", type(function).__name__))
    return TorchSubject("function", identifier(name), parameter_names(function), function)


def _of_function(base: Any, function: Any) -> TorchSubject:
    name = function.__name__
    own = "setup_context" in vars(function) or function.setup_context is not base.setup_context
    for method in ("forward", "backward"):
        if getattr(function, method) is getattr(base, method) and function.vjp is base.vjp:
            raise InvalidRule(f"torch Function {name!r} has no {method}: write @staticmethod def {method}")
    names = parameter_names(function.forward, skip=0 if own else 1)
    return TorchSubject("torch Function", name, names, function.apply, function)


def _of_module(torch: ModuleType, module: Any) -> TorchSubject:
    parameters = {n: p.detach() for n, p in module.named_parameters()}
    buffers = {n: b.detach().clone() for n, b in module.named_buffers()}

    def call(state: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        # Buffers are given afresh at each call: running statistics leave no trace.
        return torch.func.functional_call(
            module, {n: t.clone() if n in buffers else t for n, t in state.items()}, args, kwargs
        )

    return TorchSubject(
        "torch module", type(module).__name__, parameter_names(module.forward), call if parameters else module,
        parameters=parameters, buffers=buffers if parameters else {},
    )  # fmt: skip
