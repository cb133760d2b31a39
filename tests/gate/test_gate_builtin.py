"""minigrad's own ops pass the thorough gate, at both orders, and the gate refuses them once their rules are bent."""

from __future__ import annotations

import sys

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.api import register_all
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.typing import Array, V
from minigrad.verify import verify
from minigrad.verify.certificate import certificate_of
from minigrad.verify.declare import declaration_of
from minigrad.verify.mutation import MUTATIONS, enlarged, mutation_check
from minigrad.verify.mutation.lines import code_of, executed, lines_of
from minigrad.verify.mutation.mutants import MutantResult, mutants
from minigrad.verify.subject import ENTRIES

register_all()
OPS = sorted((op for op in REGISTRY if op.module.startswith(("minigrad.", "numpy"))), key=lambda op: op.name)
SAMPLE = ("add", "where", "sigmoid", "relu", "max", "sum_to", "matmul", "getitem", "logsumexp", "cumsum", "logaddexp")
KILL_RATE = 0.995
by_name = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


@by_name
def test_passes_the_thorough_gate_at_both_orders(op: Op) -> None:
    """The check that is made when a gradient of its rules is first needed; other tests of this process need it too."""
    if op.check_second_order is not None:
        op.check_second_order()
        assert op.check_batching is None  # which that has done as well
    certificate = verify(op) if op.claims.piecewise_constant else certificate_of(op)
    assert certificate.second_order
    assert op.claims.piecewise_constant or certificate.resolution <= 1e-5


@pytest.mark.soak
@by_name
def test_passes_over_many_seeds_and_on_larger_shapes(op: Op) -> None:
    for seed in range(101):
        verify(op, seed, entries=80 if seed < 3 else ENTRIES)
    found = mutation_check(op, range(2), mutation_seed=None)
    assert not found.failures, "\n".join(found.failures)
    assert not found.unexecuted, found.unexecuted


def survivors(results: list[MutantResult]) -> str:
    """The mutants that the gate let in; "" where it killed as many as it should."""
    lost = [result for result in results if result.state == "survived"]
    killed = sum(result.state == "killed" for result in results)
    rate = killed / (killed + len(lost))
    return "" if rate >= KILL_RATE else "\n".join(f"{o.op}, {o.argument}: {o.mutation}" for o in lost)


def test_bent_rules_of_some_ops_are_refused() -> None:
    """Each op with every fourth way to bend a rule, so that each way meets two ops or three."""
    names = list(MUTATIONS)
    parts = {name: set(names[k % 4 :: 4]) for k, name in enumerate(SAMPLE)}
    results = [
        result
        for name, part in parts.items()
        for result in mutants(REGISTRY[name], 0, {way: MUTATIONS[way] for way in part})
    ]
    assert not survivors(results)
    assert {result.op for result in results if result.state == "killed"} == set(SAMPLE)
    assert len({result.mutation for result in results if result.state == "killed"}) >= 30


@pytest.mark.soak
def test_bent_rules_of_all_ops_are_refused() -> None:
    assert not survivors([result for op in OPS for result in mutants(op, 0)])


@mg.op(x=mg.real(), elementwise=True)
def halves(x: Array) -> Array:
    """x / 2, with a branch in its rule that no sample enters."""
    return x * 0.5


@halves.vjp("x")
def _(g: V, y: V, x: V) -> V:
    if x.ndim == 7:
        return g * 3.0
    return g * 0.5


def test_a_branch_that_no_sample_enters_is_named() -> None:
    found = mutation_check(halves, range(3), mutation_seed=None)
    assert found.ok
    assert (found.seeds, found.passed, found.larger) == (5, 5, 2)
    assert [int(place.rpartition(":")[2]) for place in found.unexecuted] == [
        halves.rules[0].function.__code__.co_firstlineno + 3
    ]
    code = code_of(halves.rules[0].function)
    assert code is not None
    with executed({code}) as seen:
        halves.rules[0].function(np.ones(3), np.ones(3), np.ones(3))
    assert len(lines_of(code) - seen[code]) == 1


def test_every_mutation_of_a_plain_op_is_killed_or_unreached() -> None:
    found = mutation_check(halves, range(1))
    assert found.killed + found.unreached == len(MUTATIONS)
    assert found.killed >= 20


def test_a_weaker_gate_kills_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are the gate's: without second order, both mutations of the second order go unseen."""
    full = mutation_check(halves, range(1))
    # The package has a function of the same name, so the module is asked for by its full one.
    module = sys.modules["minigrad.verify.mutation.mutants"]
    monkeypatch.setattr(module, "verify", lambda op, seed: verify(op, seed, second_order=False))
    weaker = mutation_check(halves, range(1))
    assert weaker.killed == full.killed - 2
    monkeypatch.setattr(module, "verify", lambda op, seed: op.rules[0].function(*[np.ones((2, 2))] * 3))
    blind = mutation_check(halves, range(1))
    assert blind.killed == 0
    assert "sign" in {o.mutation for o in blind.survived}
    assert not blind.ok


@mg.op(x=mg.real(), shapes=[((3,),)])
def three(x: Array) -> Array:
    """Sums of neighbours."""
    return x[..., 1:] + x[..., :-1]


@three.vjp("x")
def _(g: V, y: V, x: V) -> V:
    right: V = g @ (np.eye(x.shape[0])[1:] + np.eye(x.shape[0])[:-1]).astype(x.dtype)
    return right * (1.0 if x.shape[0] != 6 else 2.0)


def test_what_is_wrong_on_an_axis_of_six_is_found_by_larger_shapes() -> None:
    verify(three, 0)
    found = mutation_check(three, range(2), None)
    assert len(found.failures) == 2
    assert all("larger" in f for f in found.failures)
    twin = enlarged(three, 2)
    assert isinstance(twin, Op)
    assert declaration_of(twin).shapes == (((6,),),)


def test_what_cannot_be_enlarged_is_said() -> None:
    sampled = attrs.evolve(declaration_of(halves), samples=lambda rng: [mg.Sample(rng.normal(size=3))])
    twin = mg.op(x=mg.real(), samples=sampled.samples)(halves.forward)
    assert "samples=" in str(enlarged(twin, 2))
