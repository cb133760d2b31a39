"""What an author's `samples=` and `kinks=` return, and what is refused of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.op import Op
from minigrad.core.types import Array
from minigrad.verify.declare import Sample, declaration_of
from minigrad.verify.refusal import CheckCase, refuse
from minigrad.verify.subject import frozen

__all__ = ["moved_onto_kinks", "sampled"]

_SAMPLES = "samples= is a function of a np.random.Generator that yields minigrad.Sample(*arrays, **options)"
_KINKS = "kinks= is a function (rng, *arrays, **options) that returns all arrays, moved onto a corner"


def sampled(op: Op, seed: int) -> Iterator[CheckCase]:
    """The cases that the author's `samples=` yields, each drawn when it is asked for.

    Raises:
        RegistrationError: `samples=` raises, or yields something else than arguments of the op in float64.
    """
    samples = declaration_of(op).samples
    assert samples is not None
    try:
        drawn = iter(samples(np.random.default_rng(seed)))
    except Exception as error:
        raise _raised(op, "samples=", error, _SAMPLES) from error
    k = 0
    while True:
        try:
            sample = next(drawn)
        except StopIteration:
            return
        except Exception as error:
            raise _raised(op, "samples=", error, _SAMPLES) from error
        yield _case(op, sample, k, seed)
        k += 1


def _case(op: Op, sample: object, k: int, seed: int) -> CheckCase:
    if not isinstance(sample, Sample):
        raise refuse(RegistrationError, op, f"samples= yields a {type(sample).__name__}", remedy=_SAMPLES)
    _check_count(op, f"sample {k}", len(sample.arrays), _SAMPLES)
    for a in sample.arrays:
        if a.dtype.kind == "f" and a.dtype != np.float64:
            raise refuse(
                RegistrationError, op, f"sample {k} holds {a.dtype}, too coarse for differences",
                remedy="sample float64; the gate tries float32 itself",
            )  # fmt: skip
    try:
        options = op.bind_kwargs(sample.metadata)
    except TypeError as error:
        raise refuse(RegistrationError, op, f"sample {k} has {sample.metadata!r}, but {error}") from error
    return CheckCase(tuple(frozen(np.array(a)) for a in sample.arrays), options, f"sample {k}", seed)


def moved_onto_kinks(op: Op, case: CheckCase, seed: int) -> tuple[Array, ...]:
    """The arrays of a case as the author's function `kinks=` moves them.

    Raises:
        RegistrationError: `kinks=` raises, or returns other than an array of each argument's shape.
    """
    kinks = declaration_of(op).kinks
    assert callable(kinks)
    try:
        moved = kinks(np.random.default_rng(seed), *case.arrays, **case.kwargs)
    except Exception as error:
        raise _raised(op, "kinks=", error, _KINKS) from error
    if not isinstance(moved, tuple | list):
        raise refuse(RegistrationError, op, f"kinks= returns a {type(moved).__name__}, no tuple", remedy=_KINKS)
    _check_count(op, "what kinks= returns", len(moved), _KINKS)
    arrays = tuple(frozen(np.array(a)) for a in moved)
    before, after = ([a.shape for a in arrays] for arrays in (case.arrays, arrays))
    if before != after:
        problem = f"kinks= turns arrays of the shapes {_list(before)} into {_list(after)}"
        raise refuse(RegistrationError, op, problem, case=case, remedy="return each array in its own shape")
    return arrays


def _check_count(op: Op, what: str, count: int, remedy: str) -> None:
    variadic = op.arguments[-1].variadic
    due = len(op.arguments) - variadic
    if count < due if variadic else count != due:
        names = ", ".join(("*" if a.variadic else "") + a.name for a in op.arguments)
        counted = f"{count} array{'' if count == 1 else 's'}"
        raise refuse(RegistrationError, op, f"{what} has {counted}, not one for each of {names}", remedy=remedy)


def _raised(op: Op, which: str, error: Exception, remedy: str) -> RegistrationError:
    return refuse(RegistrationError, op, f"{which} raises {type(error).__name__}: {error}", remedy=remedy)


def _list(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))
