"""States that minigrad 0.1.0 saved before its house was redrawn: they load, and the run goes on as it went on then.

`tests/data/optimizer_states.npz` holds, for each rule, a state after four steps, the parameters then, and the
parameters four steps later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad.ops  # noqa: F401  # registers what the losses below use
from minigrad.core import Tensor, tensor
from minigrad.optim import Ema, Group, LookAhead, optimizer

SAVED = dict(np.load(Path(__file__).parents[1] / "data" / "optimizer_states.npz"))
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "adam-amsgrad": ("adam", {"lr": 0.1, "amsgrad": True}),
    "rmsprop": ("rmsprop", {"lr": 0.01, "centred": True, "momentum": 0.9}),
    "adabelief": ("adabelief", {}),
    "muon": ("muon", {}),
    "adafactor": ("adafactor", {}),
    "schedule-free": ("schedule-free", {}),
    "l-bfgs": ("l-bfgs", {}),
}


def part(rule: str, kind: str) -> dict[str, Any]:
    """The entries of one rule and kind; arrays of no axes as the plain values they were."""
    prefix = f"{rule}|{kind}|"
    found = {k.removeprefix(prefix): v for k, v in SAVED.items() if k.startswith(prefix)}
    return {k: v.item() if v.ndim == 0 else v for k, v in found.items()}


@pytest.mark.parametrize("rule", RULES)
def test_a_state_of_the_first_release_loads_and_continues(rule: str) -> None:
    name, hyper = RULES[rule]
    params = {k: tensor(v, requires_grad=True) for k, v in part(rule, "at").items()}
    if name == "l-bfgs":
        opt = optimizer(name, {"m": params["m"]}, **hyper)
    else:
        opt = optimizer(
            name,
            params,
            average=Ema(rate=0.9),
            lookahead=LookAhead(every=3),
            weight_decay=0.01,
            groups=[Group("v", weight_decay=0.0)],
            **hyper,
        )

    def loss() -> Tensor:
        if name == "l-bfgs":
            return ((params["m"] - 1.0) ** 4).sum()
        return ((params["m"] - 1.0) ** 2).sum() + (params["v"].astype(np.float64) ** 4).sum()

    opt.load_state_dict(part(rule, "state"))
    assert opt.t == 4
    for _ in range(4):
        opt.step(loss)
    for key, expected in part(rule, "after").items():
        rtol = 1e-12 if expected.dtype == np.float64 else 2e-6
        np.testing.assert_allclose(params[key].numpy(), expected, rtol=rtol, atol=rtol)
