"""The deep check: the gate again, with many seeds, line coverage of the rules and self-mutation.

What registration cannot afford. `minigrad selftest` and `pytest --minigrad-ops` run it over every registered op.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import attrs

from minigrad.core.errors import RegistrationError
from minigrad.core.op import Op
from minigrad.verify.deep.lines import code_of, executed, lines_of
from minigrad.verify.deep.mutants import MUTATIONS, Outcome, mutants
from minigrad.verify.gate import verify

__all__ = ["MUTATIONS", "Deep", "Outcome", "deep_check", "selftest"]


@attrs.frozen
class Deep:
    """What the deep check of one op found.

    Attributes:
        op, module: its name and where it comes from.
        seeds, passed: how often the gate ran, and passed.
        failures: the refusals, as text, with their seeds.
        cases, checks: of the last pass.
        resolution: the largest relative error that could have hidden in the sharpest case, over all arguments.
        unexecuted: lines of rules that no sample reached, as `file:line`.
        killed, survived, unreached: of the mutants.
        seconds: what it took.
    """

    op: str
    module: str
    seeds: int
    passed: int
    failures: tuple[str, ...]
    cases: int
    checks: int
    resolution: float
    unexecuted: tuple[str, ...]
    killed: int
    survived: tuple[Outcome, ...]
    unreached: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the gate passed at every seed and no mutant survived."""
        return self.passed == self.seeds and not self.survived


def deep_check(op: Op, seeds: Iterable[int] = range(10), mutation_seed: int | None = 0) -> Deep:
    """Run the gate on `op` for every seed, second order included, and mutate its rules.

    Args:
        op: registered or not.
        seeds: of the samples.
        mutation_seed: seed for the mutants, which cost a run of the gate each; None leaves them out.
    """
    start = time.perf_counter()
    codes = {c for rule in op.rules if (c := code_of(rule.function)) is not None}
    failures: list[str] = []
    passed = cases = checks = total = 0
    resolution = 0.0
    with executed(codes) as seen:
        for seed in seeds:
            total += 1
            try:
                certificate = verify(op, seed)
            except RegistrationError as error:
                failures.append(f"seed {seed}: {error}")
                continue
            passed += 1
            cases, checks = certificate.cases, certificate.checks
            resolution = max(resolution, 0.0 if op.claims.piecewise_constant else certificate.resolution)
    missed = tuple(sorted(f"{c.co_filename}:{n}" for c in codes for n in lines_of(c) - seen[c]))
    outcomes = [] if mutation_seed is None else list(mutants(op, mutation_seed))
    return Deep(
        op.name,
        op.module,
        total,
        passed,
        tuple(failures),
        cases,
        checks,
        resolution,
        missed,
        sum(o.state == "killed" for o in outcomes),
        tuple(o for o in outcomes if o.state == "survived"),
        sum(o.state == "unreached" for o in outcomes),
        time.perf_counter() - start,
    )


def selftest(ops: Iterable[Op], seeds: int = 10, mutate: bool = True) -> Iterator[Deep]:
    """`deep_check` for each op in turn, so that progress can be shown."""
    for op in ops:
        yield deep_check(op, range(seeds), 0 if mutate else None)
