"""Several processes train as one: same numbers, same bits in all of them, and again when repeated or resumed."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, parallel
from minigrad.core.types import IndexArray
from minigrad.optim import ClipNorm, Driver
from minigrad.parallel import (
    Alone,
    Communicator,
    CommunicatorError,
    Diverged,
    HandshakeError,
    ParallelError,
    portion,
)
from minigrad.parallel.message import Exchange
from minigrad.train import Callback, Checkpoints, Epoch, History, Run, Step, fit
from minigrad.typing import Array
from support.parallel_threads import Threads, bits, in_threads
from support.train_stop import StopAt

DIGITS = data.load("digits").scaled()
SMALL = (DIGITS.x_train[:150], DIGITS.y_train[:150], DIGITS.x_val[:90], DIGITS.y_val[:90])


def net(seed: int = 0) -> nn.Module:
    made = nn.Sequential(nn.Linear(64, 8, rng=seed), nn.ReLU(), nn.Linear(8, 10, rng=seed + 1))
    return made.astype(np.float64)


def noisy() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 8, rng=0), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4, rng=3), nn.Linear(8, 10, rng=1)
    )


def test_parts_cover_a_batch_once_and_nobody_has_nothing_to_do() -> None:
    for count in range(1, 30):
        for size in range(1, 9):
            parts = [portion(count, rank, size) for rank in range(size)]
            rows = [np.arange(count)[where] for where, _ in parts]
            counted = [r for r, (_, n) in zip(rows, parts, strict=True) if n]
            assert np.concatenate(counted).tolist() == list(range(count))
            assert all(0 < len(r) <= max(2, -(-count // size)) for r in rows)
            assert max(n for _, n in parts) - min(n for _, n in parts) <= 1
            assert all(len(r) == n for r, (_, n) in zip(rows, parts, strict=True) if n)


OPTIMIZERS: dict[str, Callable[[nn.Module], Driver]] = {
    "sgd": lambda m: mg.optimizer("sgd", m.named_parameters(), lr=0.1),
    "nesterov, clipped, decayed": lambda m: mg.optimizer(
        "nesterov", m.named_parameters(), lr=0.05, clip=ClipNorm(0.5), weight_decay=1e-3
    ),
    "adam": lambda m: mg.optimizer("adam", m.named_parameters(), lr=1e-2),
    "adam, accumulating": lambda m: mg.optimizer("adam", m.named_parameters(), lr=1e-2, accumulate=3),
}
UNEVEN = (64, 5, 1, 2, 3, 17, 4, 33)
"""Rows of the batches, in turn: 1, 2 and 3 leave some of 4 processes without any."""


def by_hand(link: Communicator, make: Callable[[nn.Module], Driver], steps: int = 100) -> tuple[list[bytes], Array]:
    """A loop with one line for parallel training: bits of all parameters after each step, and the losses."""
    model, loss = net(link.rank), nn.SoftmaxCrossEntropy()
    if link.size == 1:
        model.load_state_dict(net(0).state_dict())
    opt = make(model)
    x_all, y_all = DIGITS.x_train.astype(np.float64), DIGITS.y_train
    trace, losses = [], []
    with parallel.join(model, opt, link) as ranks:
        for step in range(steps):
            rows = np.random.default_rng(step).choice(len(x_all), UNEVEN[step % len(UNEVEN)], replace=False)
            x, y = ranks.share(x_all[rows], y_all[rows])
            opt.zero_grad()
            value = loss(model(x), y)
            value.backward()
            ranks.note(value.item())
            opt.step()
            losses.append(ranks.loss)
            trace.append(bits([p.numpy() for p in model.parameters()]))
    return trace, np.array(losses)


@pytest.mark.parametrize("option", OPTIMIZERS)
def test_two_and_four_are_one_on_the_joined_batch(option: str) -> None:
    make = OPTIMIZERS[option]
    alone, losses = by_hand(Alone(), make)
    end = np.frombuffer(alone[-1])
    for size in (2, 4):
        found = in_threads(size, lambda link: by_hand(link, make))
        for trace, their_losses in found:
            assert trace == found[0][0], "bit-equal across ranks at every step"
            np.testing.assert_allclose(their_losses, losses, rtol=1e-11)
        np.testing.assert_allclose(np.frombuffer(found[0][0][-1]), end, rtol=0.0, atol=1e-12)
        again = in_threads(size, lambda link: by_hand(link, make))
        assert again[0][0] == found[0][0]


def run(link: Communicator, model: nn.Module, **options: object) -> tuple[History, bytes]:
    history = fit(model, SMALL, checks=False, quiet=True, communicator=link, **{"epochs": 2, **options})  # type: ignore[arg-type]
    return history, bits(list(model.state_dict().values()))


def figures(history: History) -> list[tuple[object, ...]]:
    return [(e.epoch, e.train_loss, e.val_loss, e.train_accuracy, e.val_accuracy) for e in history.epochs]


def test_fit_gives_the_history_of_one_process() -> None:
    """150 rows in batches of 37: a last batch of 2 rows, so that two of four ranks have none."""
    options = {"batch_size": 37, "epochs": 4, "regularization": nn.L2(1e-3), "optimizer": "momentum", "lr": 0.1}
    whole, _ = run(Alone(), net(), **options)
    for size in (2, 4):
        found = in_threads(size, lambda link: run(link, net(), **options))
        assert len({state for _, state in found}) == 1
        for history, _ in found:
            assert figures(history) == figures(found[0][0])
            assert history.batch_losses == found[0][0].batch_losses
        np.testing.assert_allclose(found[0][0].batch_losses, whole.batch_losses, rtol=1e-12)
        for ours, theirs in zip(found[0][0].epochs, whole.epochs, strict=True):
            assert ours.val_accuracy == theirs.val_accuracy
            assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-12)
            assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-12)


@pytest.mark.parametrize("stop", [1, 5, 6])
def test_with_dropout_and_batch_normalisation_it_repeats_and_resumes_to_the_last_bit(stop: int, tmp_path: Path) -> None:
    def whole(link: Threads) -> tuple[History, bytes]:
        return run(link, noisy(), batch_size=31)

    def stopped(link: Threads) -> None:
        try:
            run(link, noisy(), batch_size=31, callbacks=[Checkpoints(tmp_path / "a", 1), StopAt(stop)])
        finally:
            link.hub.barrier.abort()

    found = in_threads(4, whole)
    assert len({state for _, state in found}) == 1, "running figures too"
    assert in_threads(4, whole)[0][1] == found[0][1]
    with pytest.raises(KeyboardInterrupt):
        in_threads(4, stopped)
    resumed = in_threads(4, lambda link: run(link, noisy(), batch_size=31, resume=tmp_path / "a"))
    assert [state for _, state in resumed] == [state for _, state in found]
    assert resumed[0][0].batch_losses == found[0][0].batch_losses
    assert figures(resumed[3][0]) == figures(found[0][0])
    with pytest.raises(mg.MinigradError, match="processes was 4, is 2"):
        in_threads(2, lambda link: run(link, noisy(), batch_size=31, resume=tmp_path / "a"))


def test_a_resumed_run_draws_on_where_gathered_gradients_make_one_update(tmp_path: Path) -> None:
    """Updates are fewer than batches then, and masks go by batches."""
    options: dict[str, object] = {"batch_size": 31, "accumulate": 2}

    def stopped(link: Threads) -> None:
        try:
            run(link, noisy(), **options, callbacks=[Checkpoints(tmp_path / "a", 1), StopAt(3)])
        finally:
            link.hub.barrier.abort()

    whole = in_threads(2, lambda link: run(link, noisy(), **options))
    with pytest.raises(KeyboardInterrupt):
        in_threads(2, stopped)
    resumed = in_threads(2, lambda link: run(link, noisy(), **options, resume=tmp_path / "a"))
    assert [state for _, state in resumed] == [state for _, state in whole]


def test_pictures_at_the_end_may_take_longer_than_the_limit() -> None:
    class Painter(Callback):
        def __init__(self) -> None:
            self.watched = True

        def on_end(self, run: Run) -> None:
            end = time.monotonic() + 5.0
            while self.watched and time.monotonic() < end:  # the other process may be a moment later
                self.watched = any(t.name == "minigrad watchdog" for t in threading.enumerate())

    painter = Painter()
    in_threads(2, lambda link: run(link, net(), callbacks=[painter]))
    assert not painter.watched


def test_each_process_draws_masks_of_its_own() -> None:
    def masks(link: Threads) -> list[bytes]:
        model = nn.Sequential(nn.Dropout(0.5, rng=0), nn.Linear(64, 10, rng=0))
        opt = mg.optimizer("sgd", model.named_parameters(), lr=0.0)
        found = []
        with parallel.join(model, opt, link) as ranks:
            for _ in range(3):
                x, y = ranks.share(SMALL[0][:8], SMALL[1][:8])
                found.append(model.layers[0](mg.tensor(np.ones(x.shape))).numpy().tobytes())
                opt.zero_grad()
                nn.SoftmaxCrossEntropy()(model(x), y).backward()
                opt.step()
        return found

    both = in_threads(2, masks)
    assert len({m for found in both for m in found}) == 6


class Shift(nn.Module):
    """Has a buffer that never changes."""

    def __init__(self, by: float) -> None:
        self.by = mg.tensor(np.full(64, by))
        self.frozen: mg.Tensor | None = None

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return x + self.by


def test_running_figures_follow_the_joined_batch() -> None:
    """Means are those of the joined batch, variances the mean of those within the parts; constants keep their bits."""

    def figures_of(link: Communicator) -> dict[str, Array]:
        model = nn.Sequential(nn.BatchNorm1d(64), Shift(0.1), nn.Linear(64, 10, rng=0)).astype(np.float64)
        opt = mg.optimizer("sgd", model.named_parameters(), lr=0.0)
        with parallel.join(model, opt, link) as ranks:
            for k in range(3):
                x, y = ranks.share(SMALL[0][9 * k : 9 * k + 9].astype(np.float64), SMALL[1][9 * k : 9 * k + 9])
                opt.zero_grad()
                nn.SoftmaxCrossEntropy()(model(mg.tensor(x)), y).backward()
                opt.step()
        return model.state_dict()

    one, three = figures_of(Alone()), in_threads(3, figures_of)
    assert len({bits(list(f.values())) for f in three}) == 1
    np.testing.assert_allclose(three[0]["layers.0.running_mean"], one["layers.0.running_mean"], rtol=0, atol=1e-15)
    parts = np.array([SMALL[0][i : i + 3].astype(np.float64).var(axis=0, ddof=1) for i in range(0, 27, 3)])
    expected = np.ones(64)
    for k in range(3):
        expected = 0.9 * expected + 0.1 * parts[3 * k : 3 * k + 3].mean(axis=0)
    np.testing.assert_allclose(three[0]["layers.0.running_var"], expected, atol=1e-15)
    assert set(three[0]["layers.1.by"]) == {0.1}


def test_a_mismatch_is_named_in_all_processes() -> None:
    def refused(link: Threads) -> str:
        width = 9 if link.rank == 2 else 8
        model = nn.Sequential(nn.Linear(64, width, rng=0), nn.Linear(width, 10, rng=1))
        with pytest.raises(HandshakeError) as told:
            run(link, model, seed=1 if link.rank in (1, 3) else 0)
        return str(told.value)

    found = in_threads(4, refused)
    assert len(set(found)) == 1
    for part in (
        "Compared with rank 0, ",
        "ranks 1, 3: seed of dropout is 1 instead of 0",
        "ranks 1, 3: seed is 1 instead of 0",
        "rank 2: parameter layers.0.weight is (64, 9) float32 in group 0 instead of (64, 8) float32 in group 0",
    ):
        assert part in found[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lr": 0.2}, "hyperparameter lr of group 0 is 0.2 instead of 0.1"),
        ({"optimizer": "momentum"}, r"optimizer is momentum \(minigrad .*\) instead of sgd"),
        ({"batch_size": 32}, "batch_size is 32 instead of 64"),
        ({"regularization": nn.L2(1e-3)}, "regularization is L2.* instead of null"),
        ({"clip": 1.0}, "options is .*ClipNorm"),
    ],
)
def test_what_else_must_be_alike(change: dict[str, object], named: str) -> None:
    def refused(link: Threads) -> None:
        run(link, net(), **{"lr": 0.1, "optimizer": "sgd", **(change if link.rank else {})})

    with pytest.raises(HandshakeError, match=f"rank 1: {named}"):
        in_threads(2, refused)


def test_other_values_in_the_data_and_other_versions_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def other_data(link: Threads) -> None:
        x = SMALL[0].copy()
        x[140, 5] += link.rank
        fit(net(), (x, *SMALL[1:]), checks=False, quiet=True, communicator=link)

    with pytest.raises(HandshakeError, match="rank 1: values of the data is "):
        in_threads(2, other_data)

    def versions(link: Threads) -> None:
        mine = {"minigrad": "0.1.0", "plugin mini": f"0.{link.rank}", f"plugin only-{link.rank}": "1"}
        parallel.handshake.agree(link, mine)

    with pytest.raises(
        HandshakeError, match=r"plugin mini is 0\.1 .*0\.0; rank 1: plugin only-0 is missing; .*only-1 "
    ):
        in_threads(2, versions)


def test_a_process_that_changes_its_parameters_alone_is_found() -> None:
    class Meddle(Callback):
        def on_step(self, run: Run, step: Step) -> None:
            run.model.load_state_dict({k: v + 1e-9 for k, v in run.model.state_dict().items()})

    with pytest.raises(Diverged, match="after step 3 rank 1, 2 holds other parameters than rank 0"):
        in_threads(3, lambda link: run(link, net(), callbacks=[Meddle()] if link.rank == 0 else []))


def test_only_rank_0_speaks_and_its_word_counts() -> None:
    class Told(Callback):
        def __init__(self) -> None:
            self.epochs = 0

        def on_epoch(self, run: Run, epoch: Epoch) -> None:
            self.epochs += 1
            run.stop("enough" if epoch.epoch == 2 else "")

    def work(link: Threads) -> tuple[int, str, int]:
        told = Told()
        history, _ = run(link, net(), epochs=5, callbacks=[told])
        return told.epochs, history.stopped, len(history)

    assert in_threads(3, work) == [(2, "enough", 2), (0, "enough", 2), (0, "enough", 2)]
    out = io.StringIO()
    with redirect_stdout(out):
        in_threads(2, lambda link: fit(net(), SMALL, epochs=1, communicator=link))
    assert out.getvalue().count("train loss") == 1
    assert out.getvalue().count("gradients:") == 1


def test_mistakes_in_a_loop_of_ones_own_are_named() -> None:
    def loop(link: Threads, share: bool, rows: int) -> None:
        model = net()
        opt = mg.optimizer("sgd", model.named_parameters())
        ranks = parallel.join(model, opt, link)
        x, y = SMALL[0][:rows], SMALL[1][:rows]
        if share:
            x, y = ranks.share(x, y)
        nn.SoftmaxCrossEntropy()(model(x), y).backward()
        opt.step()

    with pytest.raises(ParallelError, match=r"how many rows .* ranks\.share"):
        in_threads(2, lambda link: loop(link, False, 8))
    with pytest.raises(ParallelError, match=r"shared a batch of \d+ rows at step 1, but .* have 9 together"):
        in_threads(2, lambda link: loop(link, True, 8 + 2 * link.rank))
    model = net()
    for size, match in ((2, "evaluates the loss itself"),):
        with pytest.raises(ParallelError, match=match):
            in_threads(size, lambda link: parallel.join(model, mg.optimizer("newton", net().parameters()), link))
    with pytest.raises(ParallelError, match="MINIGRAD_PARALLEL_TIMEOUT"):
        parallel.join(model, mg.optimizer("sgd", model.parameters()), None, timeout=-1.0)


def test_the_laws_are_tried_first() -> None:
    class Hasty(Threads):
        def allreduce(self, buffer: Array) -> None:
            super().allreduce(buffer)
            buffer += self.rank

    with pytest.raises(CommunicatorError, match="law allreduce"):
        in_threads(2, lambda link: run(link, net()), Hasty)


def test_buffers_and_frozen_parameters_are_those_of_rank_0() -> None:
    def work(link: Threads) -> tuple[Array, Array, Array]:
        model, frozen = Shift(0.5 + link.rank), mg.tensor([1.0 + link.rank], requires_grad=True)
        w = mg.tensor(np.zeros(64), requires_grad=True)
        model.frozen = frozen
        parallel.join(model, mg.optimizer("sgd", [w]), link)
        return model.by.numpy(), frozen.numpy(), w.numpy()

    for by, frozen, _ in in_threads(2, work):
        assert set(by) == {0.5}
        assert frozen.tolist() == [1.0]


def test_rows_are_counted_exactly_in_single_precision() -> None:
    """2^24 + 5 rows is no float32; their number comes out all the same."""

    def work(link: Threads) -> tuple[int, float]:
        w = mg.tensor(np.zeros(1, np.float32), requires_grad=True)
        opt = mg.optimizer("sgd", [w])
        totals = Exchange(link, opt, []).run((2**23, 2**23, 5)[link.rank], 1.0)
        return totals.rows, totals.loss

    assert [rows for rows, _ in in_threads(3, work)] == [2**24 + 5] * 3
    narrow = mg.optimizer("sgd", [mg.tensor(np.zeros(1), requires_grad=True, dtype=np.float16)])
    with pytest.raises(ParallelError, match="dtype float16 cannot be summed exactly"):
        Exchange(Alone(), narrow, [])


def test_after_leaving_a_process_steps_by_itself() -> None:
    def work(link: Threads) -> float:
        model = net()
        opt = mg.optimizer("sgd", model.named_parameters(), lr=1.0)
        with parallel.join(model, opt, link):
            pass
        x, y = SMALL[0][link.rank : link.rank + 1], SMALL[1][link.rank : link.rank + 1]
        nn.SoftmaxCrossEntropy()(model(x), y).backward()
        opt.step()
        return float(model.parameters()[0].numpy().sum())

    a, b = in_threads(2, work)
    assert a != b


def test_nan_of_a_process_without_rows_does_not_count() -> None:
    def work(link: Threads) -> Array:
        w = mg.tensor(np.ones(3), requires_grad=True)
        opt = mg.optimizer("sgd", [w], lr=1.0)
        model = nn.Sequential()
        ranks = parallel.join(model, opt, link)
        ranks.share(np.ones((1, 1)), np.ones(1))
        (w * (np.nan if link.rank == 0 else 2.0)).sum().backward()
        ranks.note(float("nan") if link.rank == 0 else 2.0)
        opt.step()
        assert ranks.loss == 2.0
        return w.numpy()

    for found in in_threads(2, work):
        np.testing.assert_array_equal(found, -np.ones(3))


def test_programs_are_shared_too() -> None:
    def work(link: Threads, defined: bool) -> bytes:
        model = net()
        opt = mg.optimizer("adam", model.named_parameters())

        def step(x: Array, y: IndexArray) -> mg.Tensor:
            opt.zero_grad()
            loss = mg.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            return loss

        run = mg.define(step) if defined else step
        with parallel.join(model, opt, link) as ranks:
            for k in range(10):
                run(
                    *ranks.share(
                        SMALL[0][8 * k : 8 * k + 8].astype(np.float64), SMALL[1][8 * k : 8 * k + 8].astype(np.intp)
                    )
                )
        return bits([p.numpy() for p in model.parameters()])

    eager, defined = (in_threads(2, lambda link, d=d: work(link, d)) for d in (False, True))  # type: ignore[misc]
    assert eager[0] == eager[1]
    assert defined == eager
