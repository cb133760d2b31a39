"""Published rules written as plugins of a third party: none is refused, and paths are those of public libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import available, examine
from minigrad.optim.loading import conform
from minigrad.optim.runner import UpdateRule
from minigrad.optim.stateful.buckets import named_parameters
from minigrad.optim.stateful.optimizer import StatefulOptimizer
from minigrad.optim.stateful.param_groups import OptimizerOptions, ParamGroup
from support import optim_zoo_adaptive, optim_zoo_plain, optim_zoo_search
from support.optim_problems import PROBLEMS, golden, trajectory
from support.optim_zoo import ZOO

PATHS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "optimizer_zoo.json").read_text())
A = np.array([[1.0, 2.0, -1.0], [0.5, -1.5, 2.0], [3.0, 0.25, -0.75], [-2.0, 1.0, 1.0], [0.125, -0.5, 4.0]])
B = np.array([[1.0, 0.5], [-2.0, 1.0], [0.5, -0.25], [3.0, 2.0], [-1.5, 0.75]])


def test_the_zoo_is_large() -> None:
    homes = {rule.__module__ for rule in ZOO.values()}
    assert homes == {module.__name__ for module in (optim_zoo_adaptive, optim_zoo_plain, optim_zoo_search)}
    assert len(ZOO) >= 30
    assert len(ZOO) + len(available()) >= 56


@pytest.mark.parametrize("name", ZOO)
def test_no_published_rule_is_refused(name: str) -> None:
    rule = conform(ZOO[name], name)
    assert examine(rule, name).broken == ()
    assert examine(rule, name, everything=True).broken == ()


@pytest.mark.parametrize("name", PATHS)
def test_twenty_steps_are_those_of_optax(name: str) -> None:
    m = mg.tensor(np.array([[0.5, -0.25], [1.0, 0.75], [-0.5, 0.25]]), requires_grad=True)
    b = mg.tensor(np.array([0.1, -0.2]), requires_grad=True)
    opt = driver(name, {"m": m, "b": b}, PATHS[name]["hyper"])
    path = []
    for _ in range(20):
        opt.step(lambda: 0.5 * mg.sum((mg.matmul(mg.tensor(A), m) + b - mg.tensor(B)) ** 2) + 0.1 * mg.sum(m**4))
        path.append([*m.numpy().reshape(-1), *b.numpy()])
    np.testing.assert_allclose(np.array(path), PATHS[name]["path"], rtol=1e-12, atol=1e-13)


def driver(name: str, params: dict[str, mg.Tensor], hyper: dict[str, float]) -> StatefulOptimizer:
    """The optimizer of a rule of the zoo, or of an installed one."""
    if name not in ZOO:
        return mg.optimizer(name, params, **hyper)  # type: ignore[arg-type]  # options are none of these
    group = ParamGroup(named_parameters(params), cast(UpdateRule, ZOO[name](**hyper)), {})
    return StatefulOptimizer(f"{name} (zoo 1.0)", [group], OptimizerOptions())


def test_averaged_descent_is_that_of_torch() -> None:
    for problem, iterates in golden()["torch"]["asgd"].items():
        found = trajectory(cast(UpdateRule, ZOO["ASGD"](lr=1e-3)), PROBLEMS[problem])
        np.testing.assert_allclose(found, np.asarray(iterates, float).reshape(found.shape), rtol=1e-12, atol=1e-14)
