"""What an op is: a forward function on arrays, one vector-Jacobian product per argument, and claims about both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np

from minigrad.core.declaration import (
    REQUIRED,
    VJP,
    Argument,
    Claims,
    Domain,
    Forward,
    Kinks,
    Metadata,
    RandomSource,
    Sample,
)
from minigrad.core.errors import InvalidRule, RegistrationError, UnregisteredOp, nearest
from minigrad.core.graph import TensorBase
from minigrad.core.types import Array, ArrayLike, Shape

if TYPE_CHECKING:
    from minigrad.core.certificate import Certificate
    from minigrad.core.rules import Pullback
    from minigrad.core.tensor import Tensor

RuleFunction = TypeVar("RuleFunction", bound=Callable[..., object])


class Op:
    """A differentiable operation. Made by `minigrad.op`, usable on Tensors once `minigrad.register` has verified it.

    Called on arrays it returns arrays; called with at least one Tensor it returns Tensors.

    Attributes:
        forward, rules: on arrays. defaults, required: metadata with and without a default; options: the names of all.
        apply: the quickest way to apply it to Tensors, for as many arguments as it has.
        apply_any: the way for all calls.
        fast_vjp: the quickest way to run its rules on arrays, or None. All three are made when it is admitted to the
            registry (see `minigrad.runtime.fastpath`).
    """

    def __init__(
        self,
        name: str,
        forward: Forward,
        arguments: tuple[Argument, ...],
        metadata: Mapping[str, object],
        claims: Claims,
        doc: str | None = None,
    ) -> None:
        self.name = name
        self.forward = forward
        self.arguments = arguments
        self.defaults: dict[str, object] = {k: v for k, v in metadata.items() if v is not REQUIRED}
        self.required: frozenset[str] = frozenset(k for k, v in metadata.items() if v is REQUIRED)
        self.options: frozenset[str] = frozenset(metadata)
        self.claims = claims
        self.module: str = getattr(forward, "__module__", None) or "numpy"
        self.rules: tuple[VJP, ...] = ()
        self._certificate: Certificate | None = None
        self.apply: Callable[..., Tensor] = self._unregistered
        self.apply_any: Callable[..., Tensor] = self._unregistered
        self.fast_vjp: Pullback | None = None
        self.check_second_order: Callable[[], None] | None = None
        self.__doc__ = doc

    def __repr__(self) -> str:
        state = "registered" if self._certificate is not None else "not registered"
        return f"<op {self.name}({', '.join(('*' if a.variadic else '') + a.name for a in self.arguments)}): {state}>"

    @property
    def certificate(self) -> Certificate:
        """What was checked when this op was registered, and the smallest error that could have been revealed."""
        if self._certificate is None:
            raise UnregisteredOp(
                f"op {self.name!r} has no certificate: it is not registered. Call minigrad.register({self.name})."
            )
        return self._certificate

    @property
    def registered(self) -> bool:
        """Whether the registry has admitted this op."""
        return self._certificate is not None

    def vjp(self, *names: str) -> Callable[[RuleFunction], RuleFunction]:
        """Declare the vector-Jacobian product for the named arguments.

        The decorated function receives the gradient of the output, the output, the arguments, and all metadata by
        keyword; it returns the gradient for the argument (several names: a tuple in the order of the names; `*xs`: a
        tuple with one gradient for each). Broadcasting is undone by the engine.
        """

        def declare(function: RuleFunction) -> RuleFunction:
            self.add_rule(names, function)
            return function

        return declare

    def add_rule(self, names: tuple[str, ...], function: Callable[..., object]) -> None:
        """Attach a rule. Raises `InvalidRule` for unknown or repeated names and once the op is registered."""
        if self.registered:
            raise InvalidRule(f"op {self.name!r} is registered: its rules cannot change any more")
        known = [a.name for a in self.arguments]
        taken = {n for rule in self.rules for n in rule.names}
        if not names:
            raise InvalidRule(f"op {self.name!r}: vjp() needs the name of an argument: one of {', '.join(known)}")
        for name in names:
            if name not in known:
                raise InvalidRule(
                    f"op {self.name!r} has no argument {name!r}: it has {', '.join(known)}.{nearest(name, known)}"
                )
            if name in taken or names.count(name) > 1:
                raise InvalidRule(f"op {self.name!r}: argument {name!r} has two rules")
        indices = tuple(known.index(n) for n in names)
        variadic = any(self.arguments[i].variadic for i in indices)
        if variadic and len(names) > 1:
            raise InvalidRule(f"op {self.name!r}: the rule for '*{known[-1]}' cannot be joined with other arguments")
        _name_in_tracebacks(function, f"{self.name}_vjp_{'_'.join(names)}")
        self.rules = (*self.rules, VJP(names, indices, function, variadic))

    @overload
    def __call__(self, *args: ArrayLike, **meta: object) -> Array: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *args: Tensor | ArrayLike, **meta: object) -> Tensor: ...
    def __call__(self, *args: Tensor | ArrayLike, **meta: object) -> Tensor | Array:
        for a in args:
            if type(a) is not np.ndarray and isinstance(a, TensorBase):
                if len(args) != len(self.arguments) or (meta and not self.options):
                    return self.apply_any(*args, **meta)
                return self.apply(*args, **meta) if meta else self.apply(*args)
        return self.forward(*args, **meta)  # type: ignore[return-value]  # several outputs: see `call_multi`

    @overload
    def call_multi(  # type: ignore[overload-overlap]
        self, *args: ArrayLike, **meta: object
    ) -> tuple[Array, ...]: ...
    @overload
    def call_multi(self, *args: Tensor | ArrayLike, **meta: object) -> tuple[Tensor, ...]: ...
    def call_multi(self, *args: Tensor | ArrayLike, **meta: object) -> tuple[Tensor, ...] | tuple[Array, ...]:
        """The same call for an op that returns several outputs, with the type to match."""
        return self(*args, **meta)  # type: ignore[return-value]

    def bind_kwargs(self, meta: Mapping[str, object]) -> Mapping[str, object]:
        """`meta` with defaults filled in. Raises TypeError for unknown or missing names."""
        if not meta and not self.required:
            return self.defaults
        full = {**self.defaults, **meta}
        if len(full) == len(self.options) and not self.required - meta.keys():
            return full
        unknown = meta.keys() - self.defaults.keys() - self.required
        names = [*self.required, *self.defaults]
        if unknown:
            word = sorted(unknown)[0]
            raise TypeError(
                f"op {self.name!r} has no option {word!r}: it has {', '.join(names) or 'none'}.{nearest(word, names)}"
            )
        raise TypeError(f"op {self.name!r} needs the option {sorted(self.required - meta.keys())[0]!r}")

    def _unregistered(self, *args: object, **meta: object) -> Tensor:
        from minigrad.core.apply import apply_unverified

        return apply_unverified(self, args, meta)


def _name_in_tracebacks(function: Callable[..., object], name: str) -> None:
    code = getattr(function, "__code__", None)
    if code is not None and code.co_name in ("_", "<lambda>"):
        function.__code__ = code.replace(co_name=name, co_qualname=name)
        function.__name__ = name


def op(
    *,
    name: str | None = None,
    params: Sequence[Metadata] = ({},),
    shapes: Sequence[tuple[Shape, ...]] = (),
    samples: Callable[[np.random.Generator], Iterable[Sample]] | None = None,
    kinks: Kinks = (),
    elementwise: bool = False,
    linear: bool = False,
    piecewise_constant: bool = False,
    numpy: Callable[..., object] | None = None,
    **domains: Domain,
) -> Callable[[Forward], Op]:
    """Declare an op from its forward function on arrays.

    Positional parameters of the function are array arguments, each with the domain its samples are drawn from;
    keyword-only parameters are metadata.

    Args:
        name: the op's name; the function's name by default.
        params: metadata combinations that the gate sweeps; give every branch of the rule one.
        shapes: tuples of shapes, one shape for each argument, when not any shapes will do; the first meets all
            of `params`.
        samples: `samples(rng)` yields `Sample(*arrays, **metadata)`, for arguments that depend on each other.
        kinks: where the function is not differentiable: values of the argument (`[0.0]`), `"ties"` (equal entries),
            or a function `(rng, *arrays, **metadata) -> arrays` that moves arrays onto kinks.
        elementwise: claim that each output entry depends on the entries at its place only (after broadcasting).
        linear: claim that the output is linear in all differentiable arguments together.
        piecewise_constant: claim that the derivative is zero wherever it exists; such an op needs no rule.
        numpy: the NumPy function that, called on Tensors, stands for this op.
        **domains: for each array argument, where its samples are drawn from.

    Raises:
        RegistrationError: for a signature that cannot be an op's.
    """
    claims = Claims(elementwise, linear, piecewise_constant, kinks, tuple(params), tuple(shapes), samples, numpy)

    def declare(forward: Forward) -> Op:
        title = name or str(getattr(forward, "__name__", "op"))
        arguments, metadata = _signature(title, forward, domains, samples is not None)
        return Op(title, forward, arguments, metadata, claims, forward.__doc__)

    return declare


def _signature(
    name: str, forward: Forward, domains: Mapping[str, Domain], sampled: bool
) -> tuple[tuple[Argument, ...], dict[str, object]]:
    if not name.isidentifier():
        raise RegistrationError(f"{name!r} cannot be the name of an op: use a Python identifier (give name=...)")
    arguments: list[Argument] = []
    metadata: dict[str, object] = {}
    for p in inspect.signature(forward).parameters.values():
        if p.kind is p.KEYWORD_ONLY:
            metadata[p.name] = REQUIRED if p.default is p.empty else p.default
        elif p.kind is p.VAR_KEYWORD:
            raise RegistrationError(f"op {name!r}: '**{p.name}' hides its metadata; name each keyword-only parameter")
        else:
            if p.name not in domains and not sampled:
                hint = f"minigrad.op({p.name}=minigrad.real())"
                raise RegistrationError(
                    f"op {name!r}: no domain is declared for argument {p.name!r}. Declare one: {hint}"
                )
            if p.default is not p.empty:
                raise RegistrationError(
                    f"op {name!r}: array argument {p.name!r} has a default. Arrays are positional and required; "
                    "make it keyword-only if it is metadata"
                )
            arguments.append(Argument(p.name, domains.get(p.name), p.kind is p.VAR_POSITIONAL))
    unknown = domains.keys() - {a.name for a in arguments}
    if unknown:
        word = sorted(unknown)[0]
        known = [a.name for a in arguments]
        raise RegistrationError(
            f"op {name!r}: a domain is given for {word!r}, which is no array argument of "
            f"{name}({', '.join(known)}).{nearest(word, known)}"
        )
    if not arguments:
        raise RegistrationError(f"op {name!r} has no array argument")
    return tuple(arguments), metadata


__all__ = [
    "REQUIRED",
    "VJP",
    "Argument",
    "Claims",
    "Domain",
    "Forward",
    "Kinks",
    "Metadata",
    "Op",
    "RandomSource",
    "Sample",
    "op",
]
