"""What an op is: a forward function, a VJP for each argument, and claims about both.

The functions work on arrays; VJP stands for vector-Jacobian product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, TypeVar, overload

import attrs
import numpy as np

from minigrad.core.errors import InvalidRule, UnregisteredOp, nearest
from minigrad.core.types import Array, ArrayLike, Kwargs, TensorBase

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor

Forward: TypeAlias = Callable[..., "Array | tuple[Array, ...]"]
Rule = TypeVar("Rule", bound=Callable[..., object])


class Certificate(Protocol):
    """The gate's statement that it has checked an op.

    The class is `minigrad.verify.certificate.Certificate`.
    """

    @property
    def subject(self) -> Op:
        """The op that was checked."""

    @property
    def resolution(self) -> float:
        """The smallest relative error of a gradient that the check would have revealed."""

    def covers(self, op: Op) -> bool:
        """Whether `op` is the very op that was checked, unchanged since."""


@attrs.frozen(eq=False)
class Argument:
    """An array argument of an op; a variadic one (`*xs`) stands for any number of arrays.

    Attributes:
        name: its name in the signature of the forward function.
        differentiable: whether a gradient can flow into it; False for integers and truth values.
        variadic: whether it stands for any number of arrays.
    """

    name: str
    differentiable: bool = True
    variadic: bool = False


@attrs.frozen(eq=False)
class VJP:
    """The vector-Jacobian product for some arguments of an op.

    Attributes:
        names: of the arguments it answers for.
        indices: their positions.
        function: `(g, y, *args, **kwargs)` to one gradient, or a tuple of them for several arguments.
        variadic: whether the one argument is `*xs`, for which it returns a tuple.
    """

    names: tuple[str, ...]
    indices: tuple[int, ...]
    function: Callable[..., object]
    variadic: bool


@attrs.frozen(eq=False)
class Claims:
    """What an op says of itself. The gate verifies each claim; other rooms then build on it.

    Attributes:
        elementwise: an output entry depends on the entries at its place only, after broadcasting.
        linear: the output is linear in all differentiable arguments together.
        piecewise_constant: the derivative is zero wherever it exists.
        trailing: one more axis in front of the argument is one more axis in front of the output, all else being equal.
    """

    elementwise: bool = False
    linear: bool = False
    piecewise_constant: bool = False
    trailing: bool = False


_NUMBERS = (bool, int, float, np.generic)
REQUIRED = object()
"""Marks a keyword argument without a default."""


class Op:
    """A differentiable operation.

    Made by `minigrad.op`, usable on Tensors once `minigrad.register` has verified it.

    Called on arrays it returns arrays; called with at least one Tensor it returns Tensors.

    Attributes:
        forward: the function on arrays.
        rules: vector-Jacobian products, declared with `vjp`.
        batch_rule: the op with one more axis in front, declared with `batch`.
        accumulate_rule: adds the gradient into part of an array, declared with `accumulate`.
        defaults: keyword arguments that may be left out.
        required: names of those that may not.
        options: names of all keyword arguments.
        numpy: the NumPy function that stands for this op on Tensors.
        role: the task of the tape that this op performs (see `minigrad.core.registry.Registry.role`), or "".
        declaration: what the gate needs to know to check it; `minigrad.verify.declare` reads it.
        apply: the quickest way to apply it to Tensors, for as many arguments as it has.
        apply_any: the way to apply it to Tensors that takes all calls.
        fast_vjp: the quickest way to run its rules on arrays, or None.
        check_second_order: a check of the gate that is due before the op is differentiated twice, or None.
        check_batching: a check of the gate that is due before the batching rule is used, or None.
    """

    unregistered: ClassVar[Callable[..., Tensor]]  # what an op does until it is registered; set by `core.apply`
    as_array: ClassVar[Callable[..., Array]]  # these three are set by `runtime.call_errors`
    as_arrays: ClassVar[Callable[..., tuple[Array, ...]]]
    describe_error: ClassVar[Callable[..., Exception]]

    def __init__(
        self,
        name: str,
        forward: Forward,
        arguments: tuple[Argument, ...],
        kwargs: Kwargs,
        claims: Claims,
        doc: str | None = None,
        *,
        numpy: Callable[..., object] | None = None,
        role: str = "",
        declaration: object = None,
    ) -> None:
        self.name = name
        self.forward = forward
        self.arguments = arguments
        self.defaults: dict[str, object] = {k: v for k, v in kwargs.items() if v is not REQUIRED}
        self.required: frozenset[str] = frozenset(k for k, v in kwargs.items() if v is REQUIRED)
        self.options: frozenset[str] = frozenset(kwargs)
        self.claims = claims
        self.numpy = numpy
        self.role = role
        self.declaration = declaration
        self.module: str = getattr(forward, "__module__", None) or "numpy"
        self.rules: tuple[VJP, ...] = ()
        self.batch_rule: Callable[..., object] | None = None
        self.accumulate_rule: Callable[..., bool] | None = None
        self._certificate: Certificate | None = None
        self.apply: Callable[..., Tensor] = self.unregistered
        self.apply_any: Callable[..., Tensor] = self.unregistered
        self.fast_vjp: Callable[..., None] | None = None
        self.check_second_order: Callable[[], None] | None = None
        self.check_batching: Callable[[], None] | None = None
        self.__doc__ = doc

    def __copy__(self) -> Op:  # pickle and deepcopy know ops by name, and so give the registered one
        vars(twin := object.__new__(Op)).update(vars(self))
        return twin

    def __repr__(self) -> str:
        state = "registered" if self._certificate is not None else "not registered"
        return f"<op {self.name}({', '.join(('*' if a.variadic else '') + a.name for a in self.arguments)}): {state}>"

    @property
    def certificate(self) -> Certificate:
        """What was checked when this op was registered, and the smallest error it could reveal."""
        if self._certificate is None:
            raise UnregisteredOp(
                f"op {self.name!r} has no certificate: it is not registered. Call minigrad.register({self.name})."
            )
        return self._certificate

    @property
    def registered(self) -> bool:
        """Whether the op is in the registry."""
        return self._certificate is not None

    def vjp(self, *names: str) -> Callable[[Rule], Rule]:
        """Declare the vector-Jacobian product for the named arguments.

        The decorated function receives the gradient of the output, the output, the arguments, and all keyword
        arguments; it returns the gradient for the argument (several names: a tuple in the order of the names; `*xs`: a
        tuple with one gradient for each). Broadcasting is undone by the engine.
        """

        def declare(function: Rule) -> Rule:
            self.add_rule(names, function)
            return function

        return declare

    def add_rule(self, names: tuple[str, ...], function: Callable[..., object]) -> None:
        """Attach a vector-Jacobian product.

        Raises:
            InvalidRule: a name is unknown or has a rule already, or the op is registered.
        """
        self._refuse_if_registered()
        argument_names = [a.name for a in self.arguments]
        if not names:
            raise InvalidRule(
                f"op {self.name!r}: vjp() needs the name of an argument: one of {', '.join(argument_names)}"
            )
        answered = {n for rule in self.rules for n in rule.names}
        for name in names:
            if name not in argument_names:
                raise InvalidRule(
                    f"op {self.name!r} has no argument {name!r}: it has {', '.join(argument_names)}."
                    f"{nearest(name, argument_names)}"
                )
            if name in answered or names.count(name) > 1:
                raise InvalidRule(f"op {self.name!r}: argument {name!r} has two rules")
        indices = tuple(argument_names.index(n) for n in names)
        variadic = any(self.arguments[i].variadic for i in indices)
        if variadic and len(names) > 1:
            raise InvalidRule(
                f"op {self.name!r}: the rule for '*{argument_names[-1]}' cannot be joined with other arguments"
            )
        _name_in_tracebacks(function, f"{self.name}_vjp_{'_'.join(names)}")
        self.rules = (*self.rules, VJP(names, indices, function, variadic))

    def batch(self, rule: Rule) -> Rule:
        """Declare what the op is when arguments have one more axis in front: a decorator.

        The rule receives the arguments and all keyword arguments, and returns the outputs of all calls stacked along a
        first axis, or None where it has no better way than one call after the other. For an op of several arguments a
        tuple comes first that tells which of them have the axis. Written with library ops, so that it runs on arrays
        and on Tensors. Elementwise and trailing ops need none.

        Raises:
            InvalidRule: there is a rule already, or the op is registered.
        """
        self._refuse_if_registered()
        if self.batch_rule is not None or self.claims.elementwise or self.claims.trailing:
            raise InvalidRule(f"op {self.name!r} has a batching rule already, or a claim that it follows from")
        _name_in_tracebacks(rule, f"{self.name}_batch")
        self.batch_rule = rule
        return rule

    def accumulate(self, rule: Rule) -> Rule:
        """Declare how the first argument's gradient is added into part of an array: a decorator.

        The rule receives the array of gradients so far, of the shape of the argument, the gradient of the output, and
        all keyword arguments. It adds in place and returns True, or returns False without touching anything.

        Raises:
            InvalidRule: there is a rule already, the op has other arguments too, or it is registered.
        """
        self._refuse_if_registered()
        if self.accumulate_rule is not None or len(self.arguments) != 1 or self.arguments[0].variadic:
            raise InvalidRule(f"op {self.name!r} has an accumulation rule already, or more than one argument")
        _name_in_tracebacks(rule, f"{self.name}_accumulate")
        self.accumulate_rule = rule  # type: ignore[assignment]  # the gate checks what it returns
        return rule

    def _refuse_if_registered(self) -> None:
        if self.registered:
            raise InvalidRule(f"op {self.name!r} is registered: its rules cannot change any more")

    @overload
    def __call__(self, *args: ArrayLike, **kwargs: object) -> Array: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *args: Tensor | ArrayLike, **kwargs: object) -> Tensor: ...
    def __call__(self, *args: Tensor | ArrayLike, **kwargs: object) -> Tensor | Array:
        plain = len(args) <= len(self.arguments)
        for a in args:
            if type(a) is not np.ndarray:
                if isinstance(a, TensorBase):
                    if len(args) != len(self.arguments) or (kwargs and not self.options):
                        return self.apply_any(*args, **kwargs)
                    return self.apply(*args, **kwargs) if kwargs else self.apply(*args)
                plain = plain and isinstance(a, _NUMBERS)
        if not plain:
            args = self.as_arrays(args)
        try:
            return self.forward(*args, **kwargs)  # type: ignore[return-value]  # several outputs: see `call_multi`
        except (TypeError, AttributeError, IndexError, ZeroDivisionError) as error:
            raise self.describe_error(args, kwargs, error) from error

    @overload
    def call_multi(  # type: ignore[overload-overlap]
        self, *args: ArrayLike, **kwargs: object
    ) -> tuple[Array, ...]: ...
    @overload
    def call_multi(self, *args: Tensor | ArrayLike, **kwargs: object) -> tuple[Tensor, ...]: ...
    def call_multi(self, *args: Tensor | ArrayLike, **kwargs: object) -> tuple[Tensor, ...] | tuple[Array, ...]:
        """Call an op that returns several outputs, with the type to match."""
        return self(*args, **kwargs)  # type: ignore[return-value]

    def bind_kwargs(self, kwargs: Kwargs) -> Kwargs:
        """Fill in the defaults of the keyword arguments that are not given.

        Raises:
            TypeError: a name is unknown, or a required one is missing.
        """
        if not kwargs and not self.required:
            return self.defaults
        full = {**self.defaults, **kwargs}
        if len(full) == len(self.options) and not self.required - kwargs.keys():
            return full
        unknown = kwargs.keys() - self.defaults.keys() - self.required
        names = [*self.required, *self.defaults]
        if unknown:
            word = sorted(unknown)[0]
            raise TypeError(
                f"op {self.name!r} has no option {word!r}: it has {', '.join(names) or 'none'}.{nearest(word, names)}"
            )
        raise TypeError(f"op {self.name!r} needs the option {sorted(self.required - kwargs.keys())[0]!r}")


def _name_in_tracebacks(function: Callable[..., object], name: str) -> None:
    code = getattr(function, "__code__", None)
    if code is not None and code.co_name in ("_", "<lambda>"):
        function.__code__ = code.replace(co_name=name, co_qualname=name)
        function.__name__ = name
