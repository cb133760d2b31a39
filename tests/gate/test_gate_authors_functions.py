"""What an author's `samples=`, `kinks=`, `shapes=`, `params=` or domain is not: said of that option, not of the op."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import Op
from minigrad.typing import Array
from minigrad.verify import verify

REAL = {"x": mg.real(), "at": mg.real()}


def larger(**declared: Any) -> Op:
    """The larger of two arguments, with a corner where they are equal."""

    @mg.op(name="gate_larger", **declared)
    def larger(x: Array, at: Array, *, slope: float = 1.0) -> Array:
        return np.maximum(x, at) * slope

    @larger.vjp("x", "at")
    def _(g: Any, y: Any, x: Any, at: Any, *, slope: float) -> Any:
        above = mg.greater(x, at)
        return g * slope * above, g * slope * (1.0 - above)

    return larger


def pairs(rng: np.random.Generator) -> Iterable[mg.Sample]:
    for shape in ((6,), (2, 3)):
        yield mg.Sample(rng.normal(size=shape), rng.normal(size=shape), slope=0.5)


def gone(rng: np.random.Generator) -> Iterable[mg.Sample]:
    yield mg.Sample(rng.normal(size=3), rng.normal(size=3))
    raise ValueError("no such table")


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"samples": gone}, r"samples= raises ValueError: no such table"),
        ({"samples": lambda: ()}, r"samples= raises TypeError.*\n  next: samples= is a function of a np.random"),
        ({"samples": lambda rng: None}, r"samples= raises TypeError"),
        ({"samples": lambda rng: [(np.ones(2), np.ones(2))]}, r"samples= yields a tuple"),
        ({"samples": lambda rng: [mg.Sample(np.ones(2))]}, r"sample 0 has 1 array, not one for each of x, at"),
        ({"samples": lambda rng: [mg.Sample(np.ones(2), np.ones(2), slop=1)]}, r"no option 'slop'.*'slope'"),
        ({"samples": lambda rng: [mg.Sample(np.ones(2, np.float32), np.ones(2))]}, r"sample 0 holds float32"),
        ({"samples": [mg.Sample(np.ones(2), np.ones(2))]}, r"samples= is no function"),
        ({"samples": pairs, "kinks": lambda rng, x, at, slope: x.missing}, r"kinks= raises AttributeError"),
        ({"samples": pairs, "kinks": lambda x, at: (x, at)}, r"kinks= raises TypeError"),
        ({"samples": pairs, "kinks": lambda rng, x, at, slope: at}, r"kinks= returns a ndarray, no tuple"),
        ({"samples": pairs, "kinks": lambda rng, x, at, slope: (at,)}, r"what kinks= returns has 1 array, not one"),
        ({"samples": pairs, "kinks": lambda rng, x, at, slope: (at[:1], at)}, r"shapes \(6,\), \(6,\) into \(1,\), "),
        ({**REAL, "kinks": "tie"}, r"kinks='tie' is neither .* nor 'ties'"),
        ({**REAL, "kinks": 0.0}, r"kinks=0.0 is neither a list of numbers such as \[0.0\]"),
        ({**REAL, "kinks": np.zeros(1)}, r"neither a list"),
        ({**REAL, "kinks": [np.nan]}, r"neither a list"),
        ({**REAL, "shapes": [(3,)]}, r"shapes=\[\(3,\)\] is no list of cases"),
        ({**REAL, "params": {"slope": 1.0}}, r"params=.* is no list of dicts"),
        ({**REAL, "x": mg.real}, r"the domain of 'x' is <function real.*write it as minigrad.real\(\)"),
        ({**REAL, "kink": "ties"}, r"a domain is given for 'kink'.*Did you mean 'kinks'"),
    ],
)
def test_the_option_that_is_wrong_is_named(declared: dict[str, Any], said: str) -> None:
    with pytest.raises(mg.RegistrationError, match=said) as caught:
        verify(larger(**declared))
    assert len(str(caught.value)) < 300
    assert "its forward function raises" not in str(caught.value)


def test_both_functions_get_numpys_generator() -> None:
    met: list[object] = []

    def tied(rng: np.random.Generator, x: Array, at: Array, *, slope: float) -> tuple[Array, Array]:
        met.append(rng)
        return np.where(rng.uniform(size=x.shape) < 0.5, at, x), at

    assert verify(larger(samples=pairs, kinks=tied)).kinks > 0
    assert met
    assert all(isinstance(rng, np.random.Generator) for rng in met)


def test_an_authors_own_arrays_stay_writable() -> None:
    kept = np.zeros(9)
    verify(larger(samples=lambda rng: [mg.Sample(rng.normal(size=9), kept)], kinks=lambda rng, x, at, slope: (at, at)))
    assert kept.flags.writeable
