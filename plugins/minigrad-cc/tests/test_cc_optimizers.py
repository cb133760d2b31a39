"""Updates of optimizers, first-party and third-party, as C: the bits are NumPy's."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, cast

import attrs
import numpy as np
import pytest

from minigrad.engines import EngineWithFallback
from minigrad.optim import Need, Objective, available, load, number
from minigrad.optim.compiled.compiled_runner import LARGE, CompiledRunner
from minigrad.optim.runner import UpdateRule
from minigrad.typing import Array
from minigrad_cc import Engine
from support.compiled_at_once import compiled_at_once as compiled_at_once  # in use in all tests

ELEMENTWISE = sorted(n for n in available() if "elementwise" in load(n).laws)


@attrs.frozen
class Velocity:
    """A state of one vector."""

    v: Array


@attrs.frozen
class Damped:
    """Somebody's optimizer: momentum along softened signs."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})
    lr: float = number(1e-2, ge=0.0)

    def init(self, w: Array) -> Velocity:
        return Velocity(np.zeros_like(w))

    def update(self, w: Array, f: Objective, state: Velocity, t: int) -> tuple[Array, Velocity]:
        v = 0.9 * state.v + f.grad / (1.0 + np.abs(f.grad)) / t
        return w - self.lr * np.where(v > 0.5, 0.5, v), Velocity(v)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    return Engine(workers=2)


def after(rule: UpdateRule, binder: EngineWithFallback) -> tuple[bytes, CompiledRunner]:
    """The parameters after some updates."""
    rng = np.random.default_rng(0)
    w: Array = rng.standard_normal(LARGE + 77).astype(np.float32)
    runner = CompiledRunner("rule", rule, w, binder=binder)
    for t in range(1, 6):
        g: Array = rng.standard_normal(w.size).astype(np.float32)
        assert runner.prepare(g, t, 0.0, 1.0)
        runner.execute(t)
    return w.tobytes(), runner


LEFT_TO_NUMPY = {"madgrad"}
"""Rules with a function that the C engine does not have (cbrt): their groups go to NumPy whole."""


@pytest.mark.parametrize("name", [*ELEMENTWISE, "Damped"])
def test_every_elementwise_optimizer_is_compiled_and_has_numpys_bits(name: str, engine: Engine) -> None:
    rule = cast(UpdateRule, Damped()) if name == "Damped" else load(name)()
    binder = EngineWithFallback("cc", engine)
    ours, runner = after(rule, binder)
    theirs, _ = after(rule, EngineWithFallback.built_in())
    assert ours == theirs
    if name in LEFT_TO_NUMPY:
        assert binder.declined == 1
        return
    assert binder.declined == 0
    assert all(note.startswith("C, ") for note in runner.notes)
