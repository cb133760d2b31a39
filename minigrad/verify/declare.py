"""How an op is declared.

`mg.op`, the domains its samples are drawn from, and what else the gate needs to check it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import Protocol, TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import RegistrationError, nearest
from minigrad.core.op import REQUIRED, Argument, Claims, Forward, Op
from minigrad.core.types import Array, ArrayLike, IndexArray, Shape

Kwargs: TypeAlias = Mapping[str, object]
Kinks: TypeAlias = "Sequence[float] | str | Callable[..., tuple[Array, ...]]"


class RandomSource(Protocol):
    """A reproducible source of random numbers (`minigrad.verify.seeded_random.SeededRandom`)."""

    def uniform(self, shape: Shape) -> Array:
        """Numbers uniform in [0, 1)."""
        ...

    def signed_magnitudes(self, shape: Shape) -> Array:
        """Numbers of both signs with magnitudes from 1/2 to 3/2."""
        ...

    def choice(self, values: Array, shape: Shape) -> Array:
        """Entries of `values`."""
        ...

    def permutation(self, count: int) -> IndexArray:
        """0 to count - 1 in random order."""
        ...


class Domain(Protocol):
    """Where the samples of one argument are drawn from (see `minigrad.verify.domains`)."""

    @property
    def kind(self) -> str:
        """The name of the domain."""
        ...

    @property
    def shape(self) -> Shape | None:
        """The shape its samples must have, or None."""
        ...

    @property
    def matrix(self) -> bool:
        """Whether samples are matrices of a special kind, which long steps would leave."""
        ...

    @property
    def differentiable(self) -> bool:
        """False for integer and boolean arguments, which have no gradient."""
        ...

    @property
    def contains_zero(self) -> bool:
        """Whether 0 is in the domain; samples themselves are never exactly 0."""
        ...

    def draw(self, rng: RandomSource, shape: Shape) -> Array:
        """Draw a sample of the given shape."""
        ...

    def direction(self, rng: RandomSource, x: Array) -> Array:
        """Draw a direction that can be stepped along from `x` without leaving the domain."""
        ...


@attrs.frozen(init=False, eq=False)
class Sample:
    """One set of arguments for the gate: `Sample(*arrays, **kwargs)`.

    Attributes:
        arrays: the positional arguments.
        metadata: the keyword arguments.
    """

    arrays: tuple[Array, ...]
    metadata: dict[str, object]

    def __init__(self, *arrays: ArrayLike, **metadata: object) -> None:
        self.__attrs_init__(tuple(np.asarray(a) for a in arrays), metadata)


@attrs.frozen(eq=False)
class Declaration:
    """What the author of an op tells the gate, besides rules and claims.

    An op holds it as `op.declaration`.

    Attributes:
        domains: of each argument, None where `samples` give it.
        params: combinations of keyword arguments to check.
        shapes: tuples of shapes, one shape for each argument; empty where any will do.
        samples: yields sets of arguments, for arguments that depend on each other.
        kinks: where the function is not differentiable.
    """

    domains: tuple[Domain | None, ...] = ()
    params: tuple[Kwargs, ...] = ({},)
    shapes: tuple[tuple[Shape, ...], ...] = ()
    samples: Callable[[np.random.Generator], Iterable[Sample]] | None = None
    kinks: Kinks = ()

    def domain(self, index: int) -> Domain | None:
        """The domain of positional argument number `index`, where the last one may be variadic."""
        return self.domains[min(index, len(self.domains) - 1)] if self.domains else None


_UNDECLARED = Declaration()


def declaration_of(op: Op) -> Declaration:
    """The declaration of an op; an empty one where it was made without."""
    return op.declaration if isinstance(op.declaration, Declaration) else _UNDECLARED


def op(
    *,
    name: str | None = None,
    params: Sequence[Kwargs] = ({},),
    shapes: Sequence[tuple[Shape, ...]] = (),
    samples: Callable[[np.random.Generator], Iterable[Sample]] | None = None,
    kinks: Kinks = (),
    elementwise: bool = False,
    linear: bool = False,
    piecewise_constant: bool = False,
    trailing: bool = False,
    numpy: Callable[..., object] | None = None,
    role: str = "",
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
            or a function `(rng, *arrays, **metadata) -> arrays` that moves arrays onto kinks. As for `samples`, `rng`
            is a `np.random.Generator`.
        elementwise: claim that each output entry depends on the entries at its place only (after broadcasting).
        linear: claim that the output is linear in all differentiable arguments together.
        piecewise_constant: claim that the derivative is zero wherever it exists; such an op needs no rule.
        trailing: claim that one more axis in front of the argument is one more axis in front of the output, for an op
            of one argument. Its batching rule follows from that.
        numpy: the NumPy function that, called on Tensors, stands for this op.
        role: the task of the tape that this op performs (see `minigrad.core.registry.Registry`); the library's only.
        **domains: for each array argument, where its samples are drawn from.

    Raises:
        RegistrationError: for a signature that cannot be an op's.
    """
    claims = Claims(elementwise, linear, piecewise_constant, trailing)

    def declare(forward: Forward) -> Op:
        title = name or str(getattr(forward, "__name__", "op"))
        _check_kinds(title, params, shapes, samples, kinks)
        arguments, kwargs = _signature(title, forward, domains, samples is not None)
        if trailing and (len(arguments) != 1 or arguments[0].variadic):
            raise RegistrationError(f"op {title!r} claims trailing=True, which is for ops of one argument: use .batch")
        declaration = Declaration(
            tuple(domains.get(a.name) for a in arguments), tuple(params), tuple(shapes), samples, kinks
        )
        return Op(
            title, forward, arguments, kwargs, claims, forward.__doc__, numpy=numpy, role=role, declaration=declaration
        )

    return declare


_OPTIONS = [p.name for p in inspect.signature(op).parameters.values() if p.kind is p.KEYWORD_ONLY]


def _check_kinds(name: str, params: object, shapes: object, samples: object, kinks: object) -> None:
    """Refuse what is not of the kind that a declaration needs."""
    faults = []
    if isinstance(params, Mapping) or not all(isinstance(p, Mapping) for p in _entries(params)):
        faults.append(f"params={params!r:.60} is no list of dicts; write params=[{{'axis': 0}}, ...]")
    if not all(isinstance(s, tuple | list) for case in _entries(shapes) for s in _entries(case)):
        faults.append(
            f"shapes={shapes!r:.60} is no list of cases, each with a shape an argument; [((2, 3), (3,)), ...]"
        )
    if samples is not None and not callable(samples):
        faults.append("samples= is no function; write samples=lambda rng: [minigrad.Sample(rng.normal(size=3))]")
    numbers = isinstance(kinks, list | tuple) and all(isinstance(k, Real) and isfinite(k) for k in kinks)
    if not (numbers or callable(kinks) or (isinstance(kinks, str) and kinks == "ties")):
        faults.append(f"kinks={kinks!r:.60} is neither a list of numbers such as [0.0], nor 'ties', nor a function")
    if faults:
        raise RegistrationError(f"op {name!r}: {faults[0]}")


def _entries(listed: object) -> list[object]:
    """What a list or tuple holds; anything else by itself."""
    return list(listed) if isinstance(listed, list | tuple) else [listed]


def _signature(
    name: str, forward: Forward, domains: Mapping[str, Domain], sampled: bool
) -> tuple[tuple[Argument, ...], dict[str, object]]:
    if not name.isidentifier():
        raise RegistrationError(f"{name!r} cannot be the name of an op: use a Python identifier (give name=...)")
    arguments: list[Argument] = []
    kwargs: dict[str, object] = {}
    for p in inspect.signature(forward).parameters.values():
        if p.kind is p.KEYWORD_ONLY:
            kwargs[p.name] = REQUIRED if p.default is p.empty else p.default
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
            domain = domains.get(p.name)
            if domain is not None and not hasattr(domain, "differentiable"):
                raise RegistrationError(
                    f"op {name!r}: the domain of {p.name!r} is {domain!r:.60}; write it as minigrad.real()"
                )
            arguments.append(Argument(p.name, domain is None or domain.differentiable, p.kind is p.VAR_POSITIONAL))
    unknown = domains.keys() - {a.name for a in arguments}
    names = [a.name for a in arguments]
    if unknown:
        word = sorted(unknown)[0]
        raise RegistrationError(
            f"op {name!r}: a domain is given for {word!r}, which is no array argument of "
            f"{name}({', '.join(names)}).{nearest(word, [*names, *_OPTIONS])}"
        )
    if not arguments:
        raise RegistrationError(f"op {name!r} has no array argument")
    return tuple(arguments), kwargs
