"""What several processes must have in common is compared first, and what goes wrong is named in all of them."""

from __future__ import annotations

import pytest

import minigrad as mg
from minigrad import nn, parallel
from minigrad.parallel import CommunicatorError, Diverged, HandshakeError, ParallelError
from minigrad.train import Callback, Run, Step, fit
from minigrad.typing import Array
from support.parallel_runs import SMALL, net, run
from support.parallel_threads import Threads, in_threads


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


def test_mistakes_in_a_loop_of_ones_own_are_named() -> None:
    def loop(link: Threads, share: bool, rows: int) -> None:
        model = net()
        opt = mg.optimizer("sgd", model.named_parameters())
        group = parallel.distribute(model, opt, link)
        x, y = SMALL[0][:rows], SMALL[1][:rows]
        if share:
            x, y = group.local_slice(x, y)
        nn.SoftmaxCrossEntropy()(model(x), y).backward()
        opt.step()

    with pytest.raises(ParallelError, match=r"how many rows .* group\.local_slice"):
        in_threads(2, lambda link: loop(link, False, 8))
    with pytest.raises(ParallelError, match=r"shared a batch of \d+ rows at step 1, but .* have 9 together"):
        in_threads(2, lambda link: loop(link, True, 8 + 2 * link.rank))
    model = net()
    with pytest.raises(ParallelError, match="evaluates the loss itself"):
        in_threads(2, lambda link: parallel.distribute(model, mg.optimizer("newton", net().parameters()), link))
    with pytest.raises(ParallelError, match="MINIGRAD_PARALLEL_TIMEOUT"):
        parallel.distribute(model, mg.optimizer("sgd", model.parameters()), None, timeout=-1.0)


def test_the_laws_are_tried_first() -> None:
    class Hasty(Threads):
        def allreduce(self, buffer: Array) -> None:
            super().allreduce(buffer)
            buffer += self.rank

    with pytest.raises(CommunicatorError, match="law allreduce"):
        in_threads(2, lambda link: run(link, net()), Hasty)
