"""Several processes share a loop of one's own: same numbers and same bits in all of them as in one process."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, parallel
from minigrad.core.types import IndexArray
from minigrad.optim import ClipNorm, StatefulOptimizer
from minigrad.parallel import Communicator, ParallelError, SingleProcess, shard_bounds
from minigrad.parallel.message import GradientAllReduce
from minigrad.typing import Array
from support.parallel_runs import DIGITS, SMALL, net
from support.parallel_threads import Threads, bits, in_threads


def test_parts_cover_a_batch_once_and_nobody_has_nothing_to_do() -> None:
    for count in range(1, 30):
        for size in range(1, 9):
            parts = [shard_bounds(count, rank, size) for rank in range(size)]
            rows = [np.arange(count)[where] for where, _ in parts]
            counted = [r for r, (_, n) in zip(rows, parts, strict=True) if n]
            assert np.concatenate(counted).tolist() == list(range(count))
            assert all(0 < len(r) <= max(2, -(-count // size)) for r in rows)
            assert max(n for _, n in parts) - min(n for _, n in parts) <= 1
            assert all(len(r) == n for r, (_, n) in zip(rows, parts, strict=True) if n)


OPTIMIZERS: dict[str, Callable[[nn.Module], StatefulOptimizer]] = {
    "sgd": lambda m: mg.optimizer("sgd", m.named_parameters(), lr=0.1),
    "nesterov, clipped, decayed": lambda m: mg.optimizer(
        "nesterov", m.named_parameters(), lr=0.05, clip=ClipNorm(0.5), weight_decay=1e-3
    ),
    "adam": lambda m: mg.optimizer("adam", m.named_parameters(), lr=1e-2),
    "adam, accumulating": lambda m: mg.optimizer("adam", m.named_parameters(), lr=1e-2, accumulate=3),
}
UNEVEN = (64, 5, 1, 2, 3, 17, 4, 33)
"""Rows of the batches, in turn: 1, 2 and 3 leave some of 4 processes without any."""


def by_hand(
    link: Communicator, make: Callable[[nn.Module], StatefulOptimizer], steps: int = 100
) -> tuple[list[bytes], Array]:
    """A loop with one line for parallel training: bits of all parameters after each step, and the losses."""
    model, loss = net(link.rank), nn.SoftmaxCrossEntropy()
    if link.size == 1:
        model.load_state_dict(net(0).state_dict())
    opt = make(model)
    x_all, y_all = DIGITS.x_train.astype(np.float64), DIGITS.y_train
    trace, losses = [], []
    with parallel.distribute(model, opt, link) as group:
        for step in range(steps):
            rows = np.random.default_rng(step).choice(len(x_all), UNEVEN[step % len(UNEVEN)], replace=False)
            x, y = group.local_slice(x_all[rows], y_all[rows])
            opt.zero_grad()
            value = loss(model(x), y)
            value.backward()
            group.note_loss(value.item())
            opt.step()
            losses.append(group.loss)
            trace.append(bits([p.numpy() for p in model.parameters()]))
    return trace, np.array(losses)


@pytest.mark.parametrize("option", OPTIMIZERS)
def test_two_and_four_are_one_on_the_joined_batch(option: str) -> None:
    make = OPTIMIZERS[option]
    alone, losses = by_hand(SingleProcess(), make)
    end = np.frombuffer(alone[-1])
    for size in (2, 4):
        found = in_threads(size, lambda link: by_hand(link, make))
        for trace, their_losses in found:
            assert trace == found[0][0], "bit-equal across ranks at every step"
            np.testing.assert_allclose(their_losses, losses, rtol=1e-11)
        np.testing.assert_allclose(np.frombuffer(found[0][0][-1]), end, rtol=0.0, atol=1e-12)
        again = in_threads(size, lambda link: by_hand(link, make))
        assert again[0][0] == found[0][0]


def test_each_process_draws_masks_of_its_own() -> None:
    def masks(link: Threads) -> list[bytes]:
        model = nn.Sequential(nn.Dropout(0.5, rng=0), nn.Linear(64, 10, rng=0))
        opt = mg.optimizer("sgd", model.named_parameters(), lr=0.0)
        found = []
        with parallel.distribute(model, opt, link) as group:
            for _ in range(3):
                x, y = group.local_slice(SMALL[0][:8], SMALL[1][:8])
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
        with parallel.distribute(model, opt, link) as group:
            for k in range(3):
                x, y = group.local_slice(SMALL[0][9 * k : 9 * k + 9].astype(np.float64), SMALL[1][9 * k : 9 * k + 9])
                opt.zero_grad()
                nn.SoftmaxCrossEntropy()(model(mg.tensor(x)), y).backward()
                opt.step()
        return model.state_dict()

    one, three = figures_of(SingleProcess()), in_threads(3, figures_of)
    assert len({bits(list(f.values())) for f in three}) == 1
    np.testing.assert_allclose(three[0]["layers.0.running_mean"], one["layers.0.running_mean"], rtol=0, atol=1e-15)
    parts = np.array([SMALL[0][i : i + 3].astype(np.float64).var(axis=0, ddof=1) for i in range(0, 27, 3)])
    expected = np.ones(64)
    for k in range(3):
        expected = 0.9 * expected + 0.1 * parts[3 * k : 3 * k + 3].mean(axis=0)
    np.testing.assert_allclose(three[0]["layers.0.running_var"], expected, atol=1e-15)
    assert set(three[0]["layers.1.by"]) == {0.1}


def test_buffers_and_frozen_parameters_are_those_of_rank_0() -> None:
    def work(link: Threads) -> tuple[Array, Array, Array]:
        model, frozen = Shift(0.5 + link.rank), mg.tensor([1.0 + link.rank], requires_grad=True)
        w = mg.tensor(np.zeros(64), requires_grad=True)
        model.frozen = frozen
        parallel.distribute(model, mg.optimizer("sgd", [w]), link)
        return model.by.numpy(), frozen.numpy(), w.numpy()

    for by, frozen, _ in in_threads(2, work):
        assert set(by) == {0.5}
        assert frozen.tolist() == [1.0]


def test_rows_are_counted_exactly_in_single_precision() -> None:
    """2^24 + 5 rows is no float32; their number comes out all the same."""

    def work(link: Threads) -> tuple[int, float]:
        w = mg.tensor(np.zeros(1, np.float32), requires_grad=True)
        opt = mg.optimizer("sgd", [w])
        totals = GradientAllReduce(link, opt, []).run((2**23, 2**23, 5)[link.rank], 1.0)
        return totals.rows, totals.loss

    assert [rows for rows, _ in in_threads(3, work)] == [2**24 + 5] * 3
    narrow = mg.optimizer("sgd", [mg.tensor(np.zeros(1), requires_grad=True, dtype=np.float16)])
    with pytest.raises(ParallelError, match="dtype float16 cannot be summed exactly"):
        GradientAllReduce(SingleProcess(), narrow, [])


def test_after_leaving_a_process_steps_by_itself() -> None:
    def work(link: Threads) -> float:
        model = net()
        opt = mg.optimizer("sgd", model.named_parameters(), lr=1.0)
        with parallel.distribute(model, opt, link):
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
        group = parallel.distribute(model, opt, link)
        group.local_slice(np.ones((1, 1)), np.ones(1))
        (w * (np.nan if link.rank == 0 else 2.0)).sum().backward()
        group.note_loss(float("nan") if link.rank == 0 else 2.0)
        opt.step()
        assert group.loss == 2.0
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

        run = mg.define(step, disable=("any_order",)) if defined else step
        with parallel.distribute(model, opt, link) as group:
            for k in range(10):
                rows = slice(8 * k, 8 * k + 8)
                run(*group.local_slice(SMALL[0][rows].astype(np.float64), SMALL[1][rows].astype(np.intp)))
        return bits([p.numpy() for p in model.parameters()])

    eager, defined = (in_threads(2, lambda link, d=d: work(link, d)) for d in (False, True))  # type: ignore[misc]
    assert eager[0] == eager[1]
    assert defined[0] == defined[1]
    np.testing.assert_allclose(np.frombuffer(defined[0]), np.frombuffer(eager[0]), rtol=1e-12, atol=1e-14)
