"""Programs and engines: who runs groups and updates, and that `engine=` and the environment say so."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import minigrad as mg
from minigrad.engines import UnknownEngine
from minigrad.program.graph import FusedCall
from support.optim_dists import ask, install

COUNTING = dedent(
    """
    from minigrad.engines import CompiledGroup, NumpyEngine

    SEEN = []

    class Counting:
        api = (1, 0)

        def __init__(self):
            self.numpy = NumpyEngine()

        def bind(self, group):
            SEEN.append(group.name)
            bound = self.numpy.bind(group)
            return CompiledGroup(bound.calls, bound.bytes, "counted")
    """
)
STEP = """
    import numpy as np, minigrad as mg, some_engine
    w = mg.tensor(np.linspace(-1, 1, 8), requires_grad=True)
    opt = mg.optimizer("adam", {"w": w}, lr=0.1)

    @mg.define(**OPTIONS)
    def step(x):
        opt.zero_grad()
        loss = (mg.tanh(w * x) ** 2).sum()
        loss.backward()
        opt.step()
        return loss

    for _ in range(6):
        step(np.arange(8.0))
    answer = [some_engine.SEEN, step.explain(), w.numpy().tolist()]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("engines")
    install(
        place, "some-engines", {"counting": "some_engine:Counting"}, {"some_engine": COUNTING}, group="minigrad.engines"
    )
    return place


def test_groups_and_updates_go_to_the_engine(folder: Path) -> None:
    seen, words, w = ask([folder], STEP.replace("OPTIONS", "{'engine': 'counting'}"))
    assert any("tanh" in name for name in seen)
    assert any("update of 8" in name for name in seen)
    assert "some-engines 1.0" in words
    assert "[counted]" in words
    by_variable = ask([folder], STEP.replace("OPTIONS", "{}"), MINIGRAD_ENGINE="counting")
    assert by_variable[0] == seen
    nobody = ask([folder], STEP.replace("OPTIONS", "{}"), MINIGRAD_ENGINE="numpy")
    assert nobody[0] == []
    assert nobody[2] == w == by_variable[2]


def test_an_unknown_engine_is_an_error_at_once() -> None:
    with pytest.raises(UnknownEngine, match="numpy"):
        mg.define(lambda x: x, engine="nump")


def chain(x: mg.Tensor) -> mg.Tensor:
    """Elementwise calls on the way to a sum."""
    return (mg.tanh(x * 0.5) * x + mg.exp(-x * x)).sum()


def test_a_chain_is_one_group_and_its_backward_joins_it() -> None:
    rng = np.random.default_rng(0)
    w = mg.tensor(rng.standard_normal((300, 1000)), requires_grad=True)

    def step() -> mg.Tensor:
        w.zero_grad()
        loss = chain(w)
        loss.backward()
        return loss

    expected = step().item()
    assert w.grad is not None
    gradient = w.grad.numpy().copy()
    program = mg.define(step, engine="numpy")
    for _ in range(3):
        assert program().item() == pytest.approx(expected, rel=1e-13)
        np.testing.assert_array_equal(w.grad.numpy(), gradient)
    (group,) = [s for s in program.graph.steps if isinstance(s, FusedCall)]
    assert len(group.defs) == 2
    assert "tiles" in program.explain()
    plain = mg.define(step, disable=("fuse",), engine="numpy")
    assert plain().item() == expected
    assert not any(isinstance(s, FusedCall) for s in plain.graph.steps)
    # Fused, nothing but the gradient is as large as the parameter.
    assert program._last().executable.bytes < 1.1 * w.data.nbytes < plain._last().executable.bytes
