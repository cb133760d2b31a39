"""The gate's differences for any function: `gradcheck(f, *arrays)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from minigrad.core.backward import gradients
from minigrad.core.errors import GradientError, GradientMismatch, InconclusiveCheck, InvalidRule
from minigrad.core.mode import mode_override
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array, ArrayLike
from minigrad.runtime.repetition import Repetition
from minigrad.verify.domains import real
from minigrad.verify.finite_differences import Verdict, compare
from minigrad.verify.refusal import WorstEntry, relative_error, worst_entry
from minigrad.verify.seeded_random import SeededRandom

_MOST_ENTRIES = 200


@attrs.frozen
class GradCheck:
    """What `gradcheck` measured along one random direction for all arguments together.

    Attributes:
        analytic: the directional derivative by the rules.
        numeric: that by differences.
        error: the error bar of `numeric`.
        relative_error: |fa - fn| / max(|fa|, |fn|), as in the course notes.
        power: the smallest relative error of a gradient that this check would have revealed, per argument; infinite for
            an argument that the function does not depend on.
        step: the step that was used, relative to the size of each entry.
    """

    analytic: float
    numeric: float
    error: float
    relative_error: float
    power: tuple[float, ...]
    step: float

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return (
            f"gradient agrees: {self.analytic:.8g} by the rules, {self.numeric:.8g} +- {self.error:.1e} by differences "
            f"(relative error {self.relative_error:.1e})"
        )


def gradcheck(f: Callable[..., object], *arrays: ArrayLike, seed: int = 0) -> GradCheck:
    """Compare the gradient of `f` at `arrays` with finite differences, in float64.

    Running statistics and generators of dropout are the same at each evaluation, and afterwards what they were.

    Args:
        f: takes as many Tensors as there are arrays, returns a Tensor of any shape (or several, as a tuple or list).
        *arrays: where to check; converted to float64. Every one is differentiated.
        seed: of the direction and the cotangent.

    Returns:
        The figures, as a true value.

    Raises:
        GradientMismatch: the gradient is wrong; names the argument and its worst entry.
        InconclusiveCheck: no step gives a usable error bar (a kink at this point, noise, values out of range).
        InvalidRule: two evaluations at the same point differ.
        GradientError: `f` returns no Tensor, or does not depend on its arguments.
    """
    if not arrays:
        raise GradientError("gradcheck needs at least one array: gradcheck(f, x)")
    xs = [np.array(a, dtype=np.float64) for a in arrays]
    rng = SeededRandom(seed)
    with np.errstate(all="ignore"):
        probe = _Probe(f, xs, rng)
        verdict = probe.compare(probe.u)
        if not verdict.verified:
            raise probe.locate_error(verdict)
        weights = [float(np.sum(np.abs(probe.grads[i] * probe.u[i]))) for i in range(len(xs))]
    analytic, numeric, error = float(verdict.analytic), float(verdict.numeric), float(verdict.error)
    power = tuple(error / w if w else np.inf for w in weights)
    return GradCheck(analytic, numeric, error, relative_error(analytic, numeric), power, float(verdict.h))


class _Probe:
    """One point, one cotangent, one direction."""

    def __init__(self, f: Callable[..., object], xs: list[Array], rng: SeededRandom) -> None:
        self.f = f
        self.xs = xs
        self.repetition = Repetition()
        leaves = [Tensor(x, requires_grad=True) for x in xs]
        with self.repetition.first(), mode_override(grad=True):
            outputs = _tensors(f(*leaves))
        self.repetition.put_back()
        self.outputs = [as_array(o) for o in outputs]
        if not any(o.requires_grad for o in outputs):
            raise GradientError(
                "the function does not depend on its arguments through minigrad's ops: no gradient to check"
            )
        self.v = [rng.signed_magnitudes(o.shape) for o in self.outputs]
        live = [(o, w) for o, w in zip(outputs, self.v, strict=True) if o.requires_grad]
        partials = gradients([o for o, _ in live], [w for _, w in live], leaves, create_graph=False)
        self.grads = [np.zeros(x.shape) if g is None else np.asarray(g) for g, x in zip(partials, xs, strict=True)]
        self.u = {i: real().direction(rng, x) for i, x in enumerate(xs)}
        for first, second in zip(self.outputs, self.evaluate(xs), strict=True):
            if not np.array_equal(first, second, equal_nan=True):
                raise InvalidRule(
                    "gradcheck: the function gives two values at one point. Freeze its random numbers (dropout, "
                    "augmentation) by a seed that each call sets again"
                )

    def evaluate(self, xs: Sequence[Array]) -> list[Array]:
        with self.repetition.again(), mode_override(grad=False):
            return [as_array(o) for o in _tensors(self.f(*(Tensor(x) for x in xs)))]

    def phi(self, u: Mapping[int, Array]) -> Callable[[Array], Array]:
        def values(steps: Array) -> Array:
            moved = ([x + t * u[i] if i in u else x for i, x in enumerate(self.xs)] for t in steps.ravel())
            return np.array([self._projected(self.evaluate(xs)) for xs in moved]).reshape(steps.shape)

        return values

    def _projected(self, outputs: Sequence[Array]) -> float:
        return sum(float(np.vdot(w, o)) for w, o in zip(self.v, outputs, strict=True))

    def compare(self, u: Mapping[int, Array]) -> Verdict:
        analytic = sum(float(np.vdot(self.grads[i], d)) for i, d in u.items())
        weights = sum(float(np.sum(np.abs(self.grads[i] * d))) for i, d in u.items())
        roundoff = sum(float(np.sum(np.abs(w * o))) for w, o in zip(self.v, self.outputs, strict=True))
        roundoff += sum(float(np.sum(np.abs(self.grads[i] * self.xs[i]))) for i in u)
        largest = max(float(np.max(np.abs(self.xs[i]), initial=0.0)) for i in u)
        zero = np.array(self._projected(self.outputs))
        return compare(
            self.phi(u), zero, np.array(analytic), np.array(weights), np.array(roundoff), natural=lambda: largest,
        )  # fmt: skip

    def locate_error(self, verdict: Verdict) -> Exception:
        """The refusal, with the argument and entry that are furthest off."""
        alone = {i: self.compare({i: d}) for i, d in self.u.items()}
        guilty = next((i for i, w in alone.items() if w.mismatch), next(i for i in alone))
        worst = self._worst_entry(guilty)
        text = f"gradcheck, argument {guilty} of shape {self.xs[guilty].shape}"
        if verdict.mismatch:
            return GradientMismatch(
                f"{text}: the gradient disagrees with finite differences\n  worst entry: {worst}\n  next: look for a "
                ".detach() or .numpy() inside the function, which cuts the gradient"
            )
        return InconclusiveCheck(
            f"{text}: differences are inconclusive (value {float(verdict.numeric):.6g} +- {float(verdict.error):.1e})\n"
            f"  worst entry: {worst}\n  next: move the point off kinks (relu at 0, ties) and into floating point's "
            "active range, or check fewer data points at a time"
        )

    def _worst_entry(self, index: int) -> WorstEntry:
        x, u = self.xs[index], self.u[index]
        numeric, error = self.grads[index].copy(), np.full(x.shape, np.inf)
        for k, place in enumerate(np.ndindex(*x.shape)):
            if k == _MOST_ENTRIES:
                break
            one = np.zeros(x.shape)
            one[place] = u[place]
            entry = self.compare({index: one})
            numeric[place], error[place] = float(entry.numeric) / u[place], float(entry.error) / abs(u[place])
        return worst_entry(f"argument {index}", x, self.grads[index], numeric, error)


def _tensors(result: object) -> list[Tensor]:
    outputs: list[Tensor] = []
    for o in result if isinstance(result, tuple | list) else (result,):
        if isinstance(o, Tensor):
            outputs.append(o)
        else:
            raise GradientError(
                f"gradcheck: the function returned {type(o).__name__}, not a Tensor: its gradient is lost on the way"
            )
    return outputs
