"""What a run loads, and the small pieces it is made of: process groups, names of before, evaluation mode, observers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from minigrad import lazy, nn, parallel, train
from minigrad.core import Tensor, tensor
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.optim import optimizer
from minigrad.runtime.observer import Observer
from support.train_quick import X, Y


def test_a_run_in_one_process_does_not_load_the_room_of_several() -> None:
    text = (
        "import sys, numpy as np\n"
        "from minigrad import nn, train\n"
        "x = np.random.default_rng(0).normal(size=(20, 4)); y = np.arange(20) % 3\n"
        "train.fit(nn.mlp(4, [5], 3, rng=0), (x, y), epochs=1, quiet=True)\n"
        "print([m for m in sys.modules if m.startswith('minigrad.parallel')])\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_old_names_of_training_and_of_processes_warn_and_work() -> None:
    for module, renamed in ((train, train._RENAMED), (parallel, parallel._RENAMED)):  # type: ignore[attr-defined]
        for old, new in renamed.items():
            with pytest.warns(DeprecationWarning, match=new.rpartition(":")[2]):
                value = getattr(module, old)
            home, _, name = new.rpartition(":")
            assert value is lazy.load(home or module.__name__, name)


def test_old_methods_of_a_group_warn_and_do_the_same() -> None:
    model = nn.mlp(5, [4], 3, rng=0)
    group = parallel.distribute(model, optimizer("sgd", model.parameters(), lr=0.1), "none")
    with pytest.warns(DeprecationWarning, match="local_slice"):
        x, _ = group.share(X, Y)
    with pytest.warns(DeprecationWarning, match="note_loss"):
        group.note(1.5)
    assert x is X
    assert (group.step, group.loss) == (1, 1.5)


def test_a_mode_lasts_as_long_as_its_block_and_every_part_gets_its_own_back() -> None:
    inner = nn.Sequential(nn.Dropout(0.5, rng=0), nn.ReLU())
    model = nn.Sequential(nn.Linear(4, 4, rng=0), inner)
    inner.eval()
    before = [part.training for _, part in model.named_modules()]
    assert len(set(before)) == 2
    seen: list[bool] = []

    def fail() -> None:
        with model.mode(training=True) as inside:
            seen.extend([inside is model, *(part.training for _, part in model.named_modules())])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(seen)
    assert [part.training for _, part in model.named_modules()] == before
    with model.mode(training=False):
        assert not any(part.training for _, part in model.named_modules())
    assert [part.training for _, part in model.named_modules()] == before


def test_an_observer_sees_every_op_and_changes_nothing() -> None:
    class Names(Observer):
        def __init__(self) -> None:
            self.names: list[str] = []

        def after(self, op: Op, args: object, kwargs: object, result: Tensor | tuple[Tensor, ...]) -> None:
            assert isinstance(result, Tensor)
            _ = result * 2.0  # not observed
            self.names.append(op.name)

    x = tensor(np.array([1.0, -2.0]), requires_grad=True)
    observer = Names()
    with mode_override(interceptor=observer):
        y = (x * x).sum()
        y.backward()
    assert observer.names == ["multiply", "sum"]
    assert x.grad is not None
    assert x.grad.numpy().tolist() == [2.0, -4.0]


def test_an_optimizer_describes_itself_as_fit_writes_it_down() -> None:
    model = nn.mlp(5, [4], 3, rng=0)
    config = train.fit(model, (X, Y), epochs=1, schedule="cosine", clip=2.0, checks=False, quiet=True).config
    assert "Cosine" in str(config["schedules"])
    options = config["options"]
    assert isinstance(options, dict)
    assert options["nonfinite"] == "raise"
    assert "2.0" in str(options["clip"])
