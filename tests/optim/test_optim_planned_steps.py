"""An optimizer's step as it is told to engines: carried out in Python, it is the optimizer's own to the last bit."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.engines import UpdatePlan
from minigrad.engines.plan import ArrayCall
from minigrad.optim import ClipNorm, Ema, Exponential, Group, LookAhead, NonFiniteWarning, Piecewise, StatefulOptimizer

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv,
    "power": operator.pow, "negative": lambda a, _: -a, "positive": lambda a, _: a, "absolute": lambda a, _: abs(a),
    "equal": operator.eq, "not_equal": operator.ne, "less": operator.lt, "less_equal": operator.le,
    "greater": operator.gt, "greater_equal": operator.ge, "truth": lambda a, _: bool(a),
}  # fmt: skip


class Refused(Exception):
    """A call would not be made by an engine."""


def carry_out(plan: UpdatePlan) -> bool:
    """Make a planned step as an engine would; False where it is left to the optimizer."""
    if not plan.begin():
        return False
    try:
        for planned in plan.calls:
            if planned.call is None:
                planned.run()
            else:
                with pytest.raises(AssertionError, match="never runs by itself"):
                    planned.run()
                _carry_out(planned.call)
    except Refused:
        return False
    plan.finish()
    return True


def _carry_out(call: ArrayCall) -> None:
    (x,) = (operand.form for operand in call.operands)
    options: Any = call.options
    if call.name == "squared_norm":
        assert call.out is not None
        call.out[0] = np.vdot(x, x)
        if not options["least"] <= call.out[0] < math.inf:
            raise Refused
    elif call.name == "finite":
        if not np.isfinite(x).all():
            raise Refused
    elif call.name == "copy":
        assert call.out is not None
        call.out[...] = x
    else:
        assert call.name == "scalars"
        cells = x.tolist()
        for name, i, j, out, truth in options["steps"]:
            value = FUNCTIONS[name](cells[i], cells[j])
            if out >= 0:
                cells[out] = value
            elif bool(value) != truth:
                raise Refused
        x[...] = cells
        for array, k in options["feeds"]:
            array.fill(cells[k])


class Pair:
    """One optimizer makes its own steps, the other is given to an engine; alike but for that."""

    def __init__(self, name: str, options: dict[str, Any], size: int = 7) -> None:
        self.rng = np.random.default_rng(0)
        start: list[Any] = [self.rng.standard_normal(size), self.rng.standard_normal((2, 3)).astype(np.float32)]
        self.both: list[tuple[dict[str, mg.Tensor], StatefulOptimizer]] = []
        for _ in range(2):
            w = {n: mg.tensor(x, requires_grad=True) for n, x in zip(("w", "b"), start, strict=True)}
            self.both.append((w, mg.optimizer(name, w, **options)))
        self.plan: UpdatePlan | None = None
        self.planned = 0

    def step(self, spoilt: float = 1.0) -> None:
        """The same gradients to both."""
        grads = {n: self.rng.standard_normal(t.shape) * spoilt for n, t in self.both[0][0].items()}
        for k, (w, opt) in enumerate(self.both):
            opt.zero_grad()
            for n, t in w.items():
                (t * 1.0).backward(mg.tensor(np.clip(grads[n], -3e38, 3e38).astype(t.dtype)))
            if k and self.plan is None:
                self.plan = opt.plan_update()
            if k and self.plan is not None and self.plan.holds() and carry_out(self.plan):
                self.planned += 1
            else:
                opt.step()
                self.plan = None if self.plan is None or not self.plan.holds() else self.plan

    def check(self) -> None:
        """Both are where the other is, to the last bit."""
        (w, own), (v, given) = self.both
        assert own.t == given.t
        assert own.gradient_norm == given.gradient_norm
        for n in w:
            assert w[n].numpy().tobytes() == v[n].numpy().tobytes(), n
        right, saved = own.state_dict(), given.state_dict()
        assert {k: (type(x), np.asarray(x).tobytes()) for k, x in right.items()} == {
            k: (type(x), np.asarray(x).tobytes()) for k, x in saved.items()
        }


SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "adam": ("adam", {}),
    "amsgrad": ("adam", {"amsgrad": True}),
    "momentum, decayed": ("momentum", {"lr": 0.1, "weight_decay": 0.1}),
    "decoupled": ("adam", {"weight_decay": 0.1, "decoupled": True}),
    "decay by a schedule": ("sgd", {"lr": 0.1, "weight_decay": Exponential(0.1, 0.9)}),
    "rates by a schedule": ("adam", {"lr": Exponential(0.1, 0.9), "beta1": Piecewise((9,), (0.5, 0.9))}),
    "a decoupled decay follows the rate": (
        "adam",
        {"lr": Exponential(0.1, 0.9), "weight_decay": 0.1, "decoupled": True},
    ),
    "centred": ("rmsprop", {"centred": True, "momentum": 0.9}),
    "groups": ("adagrad", {"groups": [Group("b", lr=0.01, weight_decay=0.5)]}),
    "followed": ("nesterov", {"lr": 0.1, "average": Ema(0.5), "lookahead": LookAhead(3, 0.5)}),
    "adamw": ("adamw", {}),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_step_as_planned_is_the_step(setting: str) -> None:
    pair = Pair(*SETTINGS[setting])
    for _ in range(13):
        pair.step()
        pair.check()
    assert pair.planned >= 5


@pytest.mark.parametrize("setting", ["adam", "decay by a schedule"])
def test_large_parameters_are_planned_in_place(setting: str) -> None:
    pair = Pair(*SETTINGS[setting], size=1 << 16)
    for _ in range(8):
        pair.step()
    pair.check()
    assert pair.planned >= 2


def test_what_is_changed_between_steps_is_seen_by_the_plan() -> None:
    pair = Pair("adam", {"lr": 0.1, "weight_decay": 0.1})
    changes: list[Callable[[StatefulOptimizer], object]] = [
        lambda opt: opt.set(lr=0.05),
        lambda opt: opt.set(lr=Exponential(0.1, 0.5)),
        lambda opt: opt.set(weight_decay=0.3),
        lambda opt: opt.load_state_dict({**opt.state_dict(), "t": 3}),
        lambda opt: opt.set(beta1=0.5),
        lambda opt: opt.freeze("b"),
        lambda opt: opt.unfreeze("b"),
    ]
    for _ in range(8):
        pair.step()
    for change in changes:
        for _, opt in pair.both:
            change(opt)
        for _ in range(3):
            pair.step()
            pair.check()
    assert pair.planned >= 8


@pytest.mark.filterwarnings("ignore::minigrad.optim.NonFiniteWarning")
@pytest.mark.parametrize("spoilt", [math.nan, math.inf, 1e200, 1e-200])
def test_an_unusual_gradient_is_left_to_the_optimizer(spoilt: float) -> None:
    pair = Pair("adam", {})
    with np.errstate(all="ignore"):  # C overflows in silence or with NumPy's warning, as it goes
        for k in range(13):
            pair.step(spoilt if k == 9 else 1.0)
            pair.check()
    assert pair.planned >= 4
    assert issubclass(NonFiniteWarning, Warning)


def test_what_cannot_be_planned_has_no_plan() -> None:
    for options in ({"accumulate": 2}, {"clip": ClipNorm(1.0)}, {"maximise": True}):
        pair = Pair("adam", options)
        for _ in range(12):
            pair.step()
        assert pair.plan is None
    for name in ("newton", "muon"):
        (_, (w, opt)) = Pair(name, {}).both
        for _ in range(9):
            opt.step(lambda w=w: mg.sum(w["w"] ** 2) + mg.sum(w["b"] ** 2))
        assert opt.plan_update() is None


def test_a_hook_and_averages_that_are_shown_are_the_optimizers_own_business() -> None:
    pair = Pair("adam", {"average": Ema(0.5)})
    for _ in range(9):
        pair.step()
    _, opt = pair.both[1]
    plan = pair.plan
    assert plan is not None
    assert plan.begin()
    with opt.averaged():
        assert not plan.begin()
    opt.grad_hook = lambda: None
    assert not plan.begin()
    opt.grad_hook = None
    assert plan.begin()
    opt.set(lr=-0.0)
    opt.load_state_dict(opt.state_dict())
    assert not plan.holds()


def test_a_planned_update_that_overflows_in_place_is_told() -> None:
    w = mg.tensor(np.full(1 << 16, 1e38, np.float32), requires_grad=True)
    opt = mg.optimizer("sgd", {"w": w}, lr=1e23)
    plan = None
    for k in range(7):
        opt.zero_grad()
        (w * 1.0).backward(mg.tensor(np.full(1 << 16, 1.0 if k < 6 else -1e16, np.float32)))
        if plan is not None:
            with pytest.raises(mg.optim.NonFiniteParameters, match="step 7: the update made 'w' infinite"):
                carry_out(plan)
            return
        opt.step()
        plan = opt.plan_update() if k == 5 else None
    raise AssertionError("nothing was planned")
