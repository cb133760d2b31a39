"""How far the law kit sees: faults that show late, elsewhere or in the process, and right rules it must let in."""

from __future__ import annotations

import locale
import re
import signal
import threading
from pathlib import Path
from typing import Any, ClassVar, cast

import attrs
import numpy as np
import pytest

from minigrad.optim import Need, NoState, Objective, Segment, examine, flag, number
from minigrad.optim.laws.landscape import landscape
from minigrad.optim.runner import UpdateRule
from minigrad.typing import Array
from support.optim_lawful import Descent, Rolling, V


def broken(cls: type) -> list[str]:
    return [o.law for o in examine(cast("type[UpdateRule]", cls)).broken]


# -- what must be seen -------------------------------------------------------------------------------------------------
class ChangesFormAtStepNine(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.momentum * state.v + f.grad
        return w - self.lr * v, V(v if t < 9 else v[:-1])


class WritesThroughTheBase(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        moved = w - self.lr * f.grad
        base: Any = w.base
        base[0] += 0.5
        return moved, state


class PromotesManyNegatives(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad + (np.random.default_rng().random() if w.size > 100 and (f.grad < 0).all() else 0.0)


@attrs.frozen
class NoisyOption(Descent):
    noisy: bool = flag(False)

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (np.random.default_rng().random() if self.noisy else 1.0)


@pytest.mark.parametrize(
    ("cls", "law"),
    [(ChangesFormAtStepNine, "C9"), (WritesThroughTheBase, "C2"), (PromotesManyNegatives, "C16"), (NoisyOption, "C15")],
)
def test_faults_that_show_late_or_seldom_are_seen(cls: type, law: str) -> None:
    assert broken(cls) == [law]


class StartsAThread(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        return f.grad


class TakesTheInterrupt(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return f.grad


class SetsTheLocale(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        other = "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8"
        locale.setlocale(locale.LC_ALL, other)
        return f.grad


class WritesAFile(Descent):
    place: ClassVar[str] = ""

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        Path(self.place, "log.txt").write_text("step")
        return f.grad


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (StartsAThread, "started a thread"),
        (TakesTheInterrupt, "SIGINT"),
        (SetsTheLocale, "the locale"),
        (WritesAFile, r"log\.txt"),
    ],
)
def test_what_an_update_does_to_the_process_is_seen_and_undone(cls: type, said: str, tmp_path: Path) -> None:
    WritesAFile.place = str(tmp_path)
    before = signal.getsignal(signal.SIGINT), locale.setlocale(locale.LC_ALL)
    (outcome,) = examine(cast("type[UpdateRule]", cls)).broken
    assert outcome.law == "C14"
    assert re.search(said, outcome.detail)
    assert (signal.getsignal(signal.SIGINT), locale.setlocale(locale.LC_ALL)) == before


# -- what must be let in -----------------------------------------------------------------------------------------------
@attrs.frozen
class Projected(Descent):
    """Gradient descent into a ball."""

    radius: float = number(0.7, gt=0.0)

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        moved = w - self.lr * f.grad
        size = float(np.sqrt(moved @ moved))
        return (moved * (self.radius / size) if size > self.radius else moved), state


@attrs.frozen
class Proximal(Descent):
    """Soft thresholding: ISTA for an L1 penalty."""

    penalty: float = number(0.1, ge=0.0)

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        moved = w - self.lr * f.grad
        return np.sign(moved) * np.maximum(np.abs(moved) - self.lr * self.penalty, 0.0).astype(w.dtype), state


@attrs.frozen
class Langevin(Descent):
    """SGLD, whose noise is a function of its seed and the step."""

    temperature: float = number(1e-3, ge=0.0)

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        noise = np.random.default_rng([7, t]).standard_normal(w.size).astype(w.dtype)
        return w - self.lr * f.grad + (2.0 * self.lr * self.temperature) ** 0.5 * noise, state


@attrs.frozen
class Factors:
    left: tuple[Array, ...]


@attrs.frozen
class Shampoo:
    """One-sided: each matrix by the inverse root of its gradients' outer products."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation"})
    lr: float = number(0.1, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Factors:
        return Factors(tuple(np.zeros((self._rows(p), self._rows(p)), w.dtype) for p in self.layout))

    def update(self, w: Array, f: Objective, state: Factors, t: int) -> tuple[Array, Factors]:
        moved, lefts = w.copy(), []
        for p, left in zip(self.layout, state.left, strict=True):
            g = p.of(f.grad).reshape(self._rows(p), -1)
            left = left + g @ g.T
            values, vectors = np.linalg.eigh(left)
            root = (vectors * (np.maximum(values, 0.0) + 1e-4) ** -0.5) @ vectors.T
            p.of(moved)[...] -= (self.lr * (root @ g).reshape(p.shape)).astype(w.dtype)
            lefts.append(left)
        return moved, Factors(tuple(lefts))

    @staticmethod
    def _rows(p: Segment) -> int:
        return p.shape[0] if len(p.shape) == 2 else 1


@attrs.frozen
class NaturalGradient:
    """Gauss-Newton's matrix, damped, and a gradient that need not be J'r."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD | Need.RESIDUAL
    laws: ClassVar[frozenset[str]] = frozenset({"orthogonal"})
    lr: float = number(0.5, ge=0.0)

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        j = f.jacobian()
        return w - self.lr * np.linalg.solve(j.T @ j + np.eye(w.size, dtype=w.dtype), f.grad), state


@attrs.frozen
class Damped(Descent):
    """A number in [0, 1) that is no decay rate."""

    laws: ClassVar[frozenset[str]] = frozenset({"constant-step"})
    drop: float = number(0.3, ge=0.0, lt=1.0)

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return (1.0 - self.drop) * f.grad


@pytest.mark.parametrize("cls", [Projected, Proximal, Langevin, Shampoo, NaturalGradient, Damped])
def test_right_rules_are_let_in(cls: type) -> None:
    for seed in range(6):
        report = examine(cast("type[UpdateRule]", cls), seed=seed)
        assert report.broken == (), str(report)


class Drifts(Descent):
    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * (f.grad + 1e-3), state


def test_what_no_hyperparameter_turns_off_is_no_constraint() -> None:
    assert broken(Drifts) == ["C8"]


@attrs.frozen
class PowerCorrected:
    """A decay of which nothing is said but its range, corrected by a power of today's value."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"constant-step"})
    lr: float = number(0.1, ge=0.0)
    beta: float = number(0.9, ge=0.0, le=0.999)

    def init(self, w: Array) -> V:
        return V(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.beta * state.v + (1.0 - self.beta) * f.grad
        return w - self.lr * v / (1.0 - self.beta**t), V(v)


def test_a_decay_is_told_by_what_it_does() -> None:
    assert broken(PowerCorrected) == ["D6"]


@attrs.frozen
class MomentumOfMatrices:
    """Elementwise on small vectors, but knows of matrices."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()
    lr: float = number(0.1, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> NoState:
        return NoState()

    def update(self, w: Array, f: Objective, state: NoState, t: int) -> tuple[Array, NoState]:
        return w - self.lr * f.grad, state


@attrs.frozen
class AcrossTheWeights(Descent):
    """AdamP's projection: a gradient that is nearly across the weights loses its part along them."""

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        g = f.grad
        along = float(g @ w) / max(float(w @ w), 1e-12)
        return g - along * w if abs(along) * float(w @ w) < 1e-3 * float(np.sqrt((g @ g) * (w @ w))) else g


@pytest.mark.parametrize("cls", [MomentumOfMatrices, AcrossTheWeights])
def test_no_law_is_suggested_that_a_small_trial_cannot_tell(cls: type) -> None:
    assert "elementwise" not in examine(cast("type[UpdateRule]", cls), everything=True).hints


def test_the_kit_keeps_to_the_dtype_of_the_parameters() -> None:
    needs = Need.GRAD | Need.RESIDUAL
    f = landscape(3, 0, "float32", 0.0).scaled(2.0).environment(needs)(np.zeros(3, np.float32), 1)
    assert {f.grad.dtype, f.residual().dtype, f.jacobian().dtype} == {np.dtype(np.float32)}


def test_threads_that_others_start_are_not_blamed_on_a_rule() -> None:
    ended = threading.Event()

    def start_threads() -> None:
        while not ended.is_set():
            thread = threading.Thread(target=ended.wait, args=(0.0005,))
            thread.start()
            thread.join()

    other = threading.Thread(target=start_threads)
    other.start()
    try:
        assert [broken(rule) for rule in (Descent, Rolling, Descent)] == [[], [], []]
        assert any("C14" in law for law in broken(StartsAThread)), "its own are seen all the same"
    finally:
        ended.set()
        other.join()
