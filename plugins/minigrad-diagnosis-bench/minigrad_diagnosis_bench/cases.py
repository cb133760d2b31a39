"""The runs of the benchmark, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import attrs
import numpy as np

from minigrad.core.errors import MinigradError
from minigrad.diagnosis.catalog import Catalog, rules
from minigrad.diagnosis.verdict import Diagnosis, diagnose
from minigrad_diagnosis_bench import baselines
from minigrad_diagnosis_bench.faults import FAULTS, UNSEEN, Fault
from minigrad_diagnosis_bench.healthy import NEAR, VARIANTS, suits
from minigrad_diagnosis_bench.running import Outcome, run
from minigrad_diagnosis_bench.setting import Setting
from minigrad_diagnosis_bench.tasks import HELD_OUT, HELD_OUT_SEEDS, TUNING, TUNING_SEEDS, Task

__all__ = ["PARTS", "Case", "Part", "Result", "cases", "contradictions", "fault_of", "judged"]

LOST = 0.2
"""Share of the sound run's gain over chance whose loss makes a run broken.

It is then broken by outcome.
"""


@attrs.frozen
class Part:
    """A half of the benchmark: tasks and seeds that the other does not have.

    Attributes:
        tasks: by name.
        seeds: of data, weights and order.
        each: tasks for each fault and seed.
        unseen: the same for each kind of mistake that no rule was tuned for; 0 leaves these out.
        variants: healthy variants of each task and seed, the plain one among them; others for each seed.
    """

    tasks: Mapping[str, Task]
    seeds: tuple[int, ...]
    each: int
    unseen: int
    variants: int


PARTS: Mapping[str, Part] = {
    "tuning": Part(TUNING, TUNING_SEEDS, 2, 0, 4),
    "held-out": Part(HELD_OUT, HELD_OUT_SEEDS, 2, 4, 4),
}


@attrs.frozen
class Case:
    """One run: a task broken by a fault, or (`fault` empty) a healthy variant of it."""

    part: str
    task: str
    seed: int
    fault: str = ""
    variant: str = "base"


@attrs.frozen(kw_only=True)
class Result:
    """What a run was, and what was said of it.

    Attributes:
        group: class of the data.
        said: contradictions between what was said of the learning rate and what was found.
        faults: codes of the FAULTs shown, in order.
        notes: of the NOTEs.
        effects: FAULTs explained by others.
        right: codes that name what was wrong; empty for a healthy run.
        score: on sound validation rows.
        reference: of the sound run, or of the best of the grid.
        valid: whether it is broken, or healthy, by its outcome.
        keras: what Keras's checks would say.
        lightning: what Lightning's checks would say.
        error: why it could not be run; such a case counts as a miss.
    """

    case: Case
    group: str = "classic"
    said: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    score: float = 0.0
    reference: float = 0.0
    valid: bool = True
    keras: tuple[str, ...] = ()
    lightning: tuple[str, ...] = ()
    seconds: float = 0.0
    watching: float = 0.0
    error: str = ""


def cases(part: str, seeds: Sequence[int] | None = None) -> Iterator[Case]:
    """Yield all runs of a part.

    Each fault on a few tasks it can happen to, other ones for each seed; each healthy variant of each task.
    """
    half = PARTS[part]
    for seed in half.seeds if seeds is None else seeds:
        kinds = [(fault, half.each) for fault in FAULTS.values()] + [(fault, half.unseen) for fault in UNSEEN.values()]
        for number, (fault, each) in enumerate(kinds):
            fitting = [name for name in half.tasks if each and fault.happens(_sound(part, name, seed))]
            rng = np.random.default_rng([seed, number])
            for place in sorted(rng.permutation(len(fitting))[:each].tolist()):
                yield Case(part, fitting[place], seed, fault.name)
        for number, name in enumerate(half.tasks):
            suiting = [v for v in VARIANTS if v != "base" and suits(v, _sound(part, name, seed))]
            order = np.random.default_rng([seed, 1000 + number]).permutation(len(suiting)).tolist()
            for variant in ("base", *(suiting[k] for k in order[: half.variants - 1])):
                yield Case(part, name, seed, "", variant)


def fault_of(name: str) -> Fault:
    """A kind of mistake, of those that rules know or not."""
    return FAULTS[name] if name in FAULTS else UNSEEN[name]


@lru_cache(maxsize=128)
def _sound(part: str, task: str, seed: int) -> Setting:
    return PARTS[part].tasks[task](seed)


def judged(case: Case, catalog: Catalog | None = None) -> Result:
    """Run a case and take down the verdict.

    Whether a healthy one is healthy is for `graded` to say.
    """
    catalog = rules() if catalog is None else catalog
    sound = _sound(case.part, case.task, case.seed)
    if case.fault:
        fault = fault_of(case.fault)
        setting = fault.change(sound, np.random.default_rng([case.seed, 7]))
    else:
        fault, setting = None, VARIANTS[case.variant](sound)
    try:
        outcome = run(setting, case.seed, catalog)
    except MinigradError as error:
        return Result(
            case=case, right=tuple(sorted(fault.right)) if fault else (), error=f"{type(error).__name__}: {error}"
        )
    diagnosis = diagnose(outcome.evidence, catalog)
    broken_by = _reference(case) if fault is not None and fault.proof == "outcome" else (0.0, 0.0)
    return Result(
        case=case,
        group=sound.group,
        said=tuple(contradictions(diagnosis)),
        faults=tuple(f.code for f in diagnosis.faults),
        notes=tuple(f.code for f in diagnosis.findings if f.kind == "NOTE"),
        effects=tuple(f.code for f, _ in diagnosis.effects if f.kind == "FAULT"),
        right=tuple(sorted(fault.right)) if fault is not None else (),
        score=outcome.score,
        reference=broken_by[0],
        valid=fault is None or fault.proof == "construction" or _is_broken(outcome, *broken_by),
        keras=tuple(sorted(baselines.keras(outcome.losses, outcome.val_losses))),
        lightning=tuple(
            sorted(baselines.lightning(outcome.losses, outcome.val_losses, baselines.overfits(setting, case.seed)))
        ),
        seconds=outcome.seconds,
        watching=outcome.watching,
    )


def contradictions(diagnosis: Diagnosis) -> Iterator[str]:
    """What the summary says against the findings; there should be nothing."""
    rate = next(iter(diagnosis.summary), "")
    codes = {f.code for f in diagnosis.faults}
    if "looks GOOD" in rate and codes:
        yield f"GOOD beside {', '.join(sorted(codes))}"
    if "TOO LOW" in rate and not codes & {"LR_LOW"}:
        yield "TOO LOW without LR_LOW"
    if "TOO HIGH" in rate and not codes & {"LR_HIGH", "DIVERGE", "NONFINITE", "BATCH_NOISE"}:
        yield "TOO HIGH without a finding"


def _is_broken(outcome: Outcome, reference: float, chance: float) -> bool:
    return outcome.evidence.diverged or reference - outcome.score >= LOST * (reference - chance)


def _reference(case: Case) -> tuple[float, float]:
    """Score of the sound run of the same task and seed, and of chance."""
    return _reference_of(case.part, case.task, case.seed)


@lru_cache(maxsize=128)
def _reference_of(part: str, task: str, seed: int) -> tuple[float, float]:
    outcome = run(_sound(part, task, seed), seed, Catalog(()))
    data = outcome.evidence.data
    return outcome.score, data.chance_accuracy if data.classes else 0.0


def graded(results: Sequence[Result]) -> list[Result]:
    """Check healthy runs against the best of their grid.

    Returns all results, with theirs corrected.
    """
    best: dict[tuple[str, str, int], float] = {}
    for r in results:
        if not r.case.fault:
            key = (r.case.part, r.case.task, r.case.seed)
            best[key] = max(best.get(key, -np.inf), r.score)
    regraded = []
    for r in results:
        if not r.case.fault:
            top = best[(r.case.part, r.case.task, r.case.seed)]
            r = attrs.evolve(r, reference=top, valid=not r.error and r.score >= top - NEAR)
        regraded.append(r)
    return regraded
