"""The deep check.

The gate again, with many seeds, larger shapes, line coverage of the rules and self-mutation.

What registration cannot afford. `minigrad selftest` and `pytest --minigrad-ops` run it over every registered op.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import attrs

from minigrad.core.errors import RegistrationError
from minigrad.core.op import Op
from minigrad.verify.gate import verify
from minigrad.verify.mutation.larger import enlarged
from minigrad.verify.mutation.lines import code_of, executed, lines_of
from minigrad.verify.mutation.mutants import MUTATIONS, MutantResult, mutants
from minigrad.verify.subject import ENTRIES

__all__ = ["MUTATIONS", "MutantResult", "MutationReport", "enlarged", "mutation_check", "selftest"]

_SEEDS_LARGER = 2


@attrs.frozen
class MutationReport:
    """What the deep check of one op found.

    Attributes:
        op: its name.
        module: where it comes from.
        seeds: how often the gate ran.
        passed: how often it let the op in.
        larger: runs on larger shapes, among `seeds`.
        failures: the refusals, as text, with their seeds.
        skipped: what was not tried, with the reason; structure cases that the op itself refuses among them.
        cases: compared with differences in the last pass on the declared shapes.
        checks: all comparisons of that pass.
        resolution: the largest relative error that could have hidden in the sharpest case, over all arguments.
        unexecuted: lines of rules that no sample reached, as `file:line`.
        killed: mutants that the gate refused.
        survived: mutants that it let in.
        unreached: mutants that no case ran.
        seconds: what it took.
    """

    op: str
    module: str
    seeds: int
    passed: int
    larger: int
    failures: tuple[str, ...]
    skipped: tuple[str, ...]
    cases: int
    checks: int
    resolution: float
    unexecuted: tuple[str, ...]
    killed: int
    survived: tuple[MutantResult, ...]
    unreached: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the gate passed at every seed and no mutant survived."""
        return self.passed == self.seeds and not self.survived


def mutation_check(
    op: Op, seeds: Iterable[int] = range(10), mutation_seed: int | None = 0, factor: int = 2
) -> MutationReport:
    """Run the gate on `op` for every seed, second order included, and mutate its rules.

    Args:
        op: registered or not.
        seeds: of the samples.
        mutation_seed: seed for the mutants, which cost a run of the gate each; None leaves them out.
        factor: how much longer axes are (and how many times as many samples an elementwise op gets) in the runs on
            larger shapes; 1 leaves these out.
    """
    start = time.perf_counter()
    codes = {c for rule in op.rules if (c := code_of(rule.function)) is not None}
    runs: list[tuple[str, Op, int, int]] = [(f"seed {seed}", op, seed, ENTRIES) for seed in seeds]
    big = enlarged(op, factor) if factor > 1 else "not asked for"
    skipped = [f"larger shapes: {big}"] if isinstance(big, str) else []
    if isinstance(big, Op):
        large = [(f"larger, {label}", big, seed, factor * ENTRIES) for label, _, seed, _ in runs[:_SEEDS_LARGER]]
        runs += large
    failures: list[str] = []
    passed = cases = checks = larger = 0
    resolution = 0.0
    missing = {c: lines_of(c) for c in codes}
    for label, subject, seed, entries in runs:
        try:
            with executed({c for c in codes if missing[c]}) as seen:
                certificate = verify(subject, seed, entries=entries)
        except RegistrationError as error:
            failures.append(f"{label}: {type(error).__name__}: {error}")
            continue
        passed += 1
        larger += subject is big
        for c, lines in seen.items():
            missing[c] -= lines
        if subject is op:
            cases, checks = certificate.cases, certificate.checks
            refused = certificate.refused
            resolution = max(resolution, 0.0 if op.claims.piecewise_constant else certificate.resolution)
            skipped = [s for s in skipped if s not in refused] + list(refused)
    missed = tuple(sorted(f"{c.co_filename}:{n}" for c, lines in missing.items() for n in lines))
    outcomes = [] if mutation_seed is None else list(mutants(op, mutation_seed))
    return MutationReport(
        op=op.name,
        module=op.module,
        seeds=len(runs),
        passed=passed,
        larger=larger,
        failures=tuple(failures),
        skipped=tuple(skipped),
        cases=cases,
        checks=checks,
        resolution=resolution,
        unexecuted=missed,
        killed=sum(o.state == "killed" for o in outcomes),
        survived=tuple(o for o in outcomes if o.state == "survived"),
        unreached=sum(o.state == "unreached" for o in outcomes),
        seconds=time.perf_counter() - start,
    )


def selftest(ops: Iterable[Op], seeds: int = 10, mutate: bool = True, factor: int = 2) -> Iterator[MutationReport]:
    """`mutation_check` for each op in turn, so that progress can be shown."""
    for op in ops:
        yield mutation_check(op, range(seeds), 0 if mutate else None, factor)
