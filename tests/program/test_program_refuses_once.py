"""What happens only while a step is recorded is refused with the line, and leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.optim import StatefulOptimizer
from minigrad.program import TraceError

ROWS = np.random.default_rng(0).normal(size=(8, 2))
Look = Callable[[nn.Module, StatefulOptimizer], object]

AFTER_THE_STEP: dict[str, Look] = {
    "opt.t": lambda model, opt: opt.t,
    "opt.t = 5": lambda model, opt: setattr(opt, "t", 5),
    "opt.gradient_norm": lambda model, opt: opt.gradient_norm,
    "opt.gradients": lambda model, opt: opt.gradients,
    "opt.hyperparameters": lambda model, opt: opt.hyperparameters,
    "opt.rates": lambda model, opt: opt.rates(1),
    "opt.set": lambda model, opt: opt.set(lr=0.01),
    "opt.freeze": lambda model, opt: opt.freeze("layers.0.*"),
    "opt.add": lambda model, opt: opt.add([mg.tensor([1.0], requires_grad=True)]),
    "opt.report": lambda model, opt: opt.report(1.0),
    "opt.flush": lambda model, opt: opt.flush(),
    "opt.averaged": lambda model, opt: opt.averaged(),
    "opt.state_dict": lambda model, opt: opt.state_dict(),
    "opt.load_state_dict": lambda model, opt: opt.load_state_dict({}),
    "model.state_dict": lambda model, opt: model.state_dict(),
    "model.load_state_dict": lambda model, opt: model.load_state_dict({}),
    "mg.optimizer": lambda model, opt: mg.optimizer("sgd", model.named_parameters(), lr=0.1),
    "t.grad": lambda model, opt: next(iter(model.parameters())).grad,
    "opt.step().t": lambda model, opt: opt.step().t,
    "opt.step().skipped": lambda model, opt: opt.step().skipped,
}


def trained() -> tuple[nn.Module, StatefulOptimizer]:
    model = nn.mlp(2, [3], 1, rng=0)
    return model, mg.optimizer("adam", model.named_parameters(), lr=mg.optim.schedules.Linear(0.1, 0.01, 100))


@pytest.mark.parametrize("look", AFTER_THE_STEP.values(), ids=AFTER_THE_STEP)
def test_a_look_at_what_only_runs_know_is_refused(look: Look) -> None:
    model, opt = trained()

    def step(x: mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        opt.step()
        look(model, opt)
        return loss

    before: tuple[object, object] = opt.state_dict(), model.state_dict()
    with pytest.raises(TraceError, match="A program is recorded once") as refused:
        mg.define(step)(mg.tensor(ROWS))
    assert "look(model, opt)" in str(refused.value) or "lambda model, opt" in str(refused.value)
    assert len(str(refused.value)) < 400
    for was, now in zip(before, (opt.state_dict(), model.state_dict()), strict=True):
        np.testing.assert_equal(now, was)


def test_whether_there_is_a_gradient_before_the_step_cannot_be_asked() -> None:
    weight = mg.tensor([1.0], requires_grad=True)
    with pytest.raises(TraceError, match=r"t\.grad where only a run knows it"):
        mg.define(lambda x: x if weight.grad is None else 2.0 * x)(np.ones(1))


def test_a_gradient_between_backward_and_the_update_can_be_read() -> None:
    (model, opt), (twin, twin_opt) = trained(), trained()

    def stepper(model: nn.Module, opt: StatefulOptimizer) -> Callable[[mg.Tensor], tuple[mg.Tensor, mg.Tensor]]:
        def step(x: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
            opt.zero_grad()
            assert all(p.grad is None for p in model.parameters())
            loss = (model(x) ** 2).mean()
            loss.backward()
            squares = [(p.grad**2).sum() for p in model.parameters() if p.grad is not None]
            opt.step()
            return loss, sum(squares[1:], squares[0])

        return step

    program, eager = mg.define(stepper(model, opt)), stepper(twin, twin_opt)
    for _ in range(3):
        for ours, theirs in zip(program(mg.tensor(ROWS)), eager(mg.tensor(ROWS)), strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


def test_what_a_recorded_step_returned_tells_nothing_afterwards() -> None:
    model, opt = trained()

    def step(x: mg.Tensor) -> object:
        opt.zero_grad()
        (model(x) ** 2).mean().backward()
        return opt.step()

    returned = mg.define(step)(mg.tensor(ROWS))
    assert repr(returned) == "RecordedStep()"
    with pytest.raises(mg.optim.OptimizerError, match=r"read opt\.t after a run"):
        returned.t  # type: ignore[attr-defined]  # noqa: B018
    assert opt.t == 1
