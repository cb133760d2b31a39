"""What the results of the benchmark come to.

Figures, by rule and by fault, as text, Markdown and JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import attrs
import numpy as np

from minigrad.diagnosis.benchmark_results import Measured
from minigrad.diagnosis.catalog import Catalog, rules
from minigrad_diagnosis_bench.cases import Result
from minigrad_diagnosis_bench.faults import UNSEEN
from minigrad_diagnosis_bench.results.calibration import brier_score, probabilities, reliability

__all__ = ["Figures", "by_fault", "by_rule", "document", "figures", "markdown"]


@attrs.frozen(kw_only=True)
class Figures:
    """The verdict on a judge: ours, or that of a baseline.

    Attributes:
        broken: number of valid broken runs.
        healthy: number of valid healthy runs.
        recall: share of the broken ones with a right FAULT.
        top: with a right FAULT first.
        alarms: share of the healthy ones with a FAULT.
        extra: wrong FAULTs per broken run.
    """

    broken: int
    healthy: int
    recall: float
    top: float
    alarms: float
    extra: float


Reading = Callable[[Result], Sequence[str]]


def figures(results: Iterable[Result], reading: Reading, right: Reading) -> Figures:
    """Count, over valid runs only; a run that failed to run counts as a miss."""
    valid = [r for r in results if r.valid or (r.error and r.case.fault)]
    broken, healthy = [r for r in valid if r.case.fault], [r for r in valid if not r.case.fault]
    return Figures(
        broken=len(broken),
        healthy=len(healthy),
        recall=_mean(bool(set(reading(r)) & set(right(r))) for r in broken),
        top=_mean(bool(reading(r)) and reading(r)[0] in right(r) for r in broken),
        alarms=_mean(bool(reading(r)) for r in healthy),
        extra=_mean(sum(code not in right(r) for code in reading(r)) for r in broken),
    )


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else 0.0


def ours(r: Result) -> Sequence[str]:
    """The FAULTs that minigrad shows."""
    return r.faults


def right(r: Result) -> Sequence[str]:
    """The right answers."""
    return r.right


def _keras(r: Result) -> Sequence[str]:
    return r.keras


def _lightning(r: Result) -> Sequence[str]:
    return r.lightning


def by_rule(results: Sequence[Result], catalog: Catalog) -> dict[str, Measured]:
    """Each rule on the valid runs."""
    broken = [r for r in results if r.case.fault and (r.valid or r.error)]
    healthy = [r for r in results if not r.case.fault and r.valid]
    rows = {}
    for _, rule in catalog:
        own = [r for r in broken if rule.code in r.right]
        others = [r for r in broken if rule.code not in r.right]
        rows[rule.code] = Measured(
            runs=len(own),
            found=sum(bool(set(r.faults) & set(r.right)) for r in own),
            healthy=len(healthy),
            alarms=sum(rule.code in r.faults for r in healthy),
            broken=len(others),
            extra=sum(rule.code in r.faults for r in others),
        )
    return rows


def by_fault(results: Sequence[Result]) -> dict[str, tuple[int, int, int, dict[str, int]]]:
    """Count results by fault.

    Fault -> valid runs, found, first finding right, and how often each code was shown first.
    """
    rows = {}
    for name in dict.fromkeys(r.case.fault for r in results if r.case.fault):
        runs = [r for r in results if r.case.fault == name and (r.valid or r.error)]
        firsts = Counter(r.faults[0] if r.faults else "nothing" for r in runs)
        hits = sum(bool(set(r.faults) & set(r.right)) for r in runs)
        top = sum(bool(r.faults) and r.faults[0] in r.right for r in runs)
        rows[name] = (len(runs), hits, top, dict(firsts.most_common()))
    return rows


def document(part: str, results: Sequence[Result], catalog: Catalog) -> dict[str, object]:
    """Everything, as JSON values.

    Kinds of mistakes that no rule was tuned for are counted apart.
    """
    unseen = [r for r in results if r.case.fault in UNSEEN]
    everything, results = results, [r for r in results if r.case.fault not in UNSEEN]
    spread = {}
    for seed in dict.fromkeys(r.case.seed for r in results):
        spread[str(seed)] = attrs.asdict(figures([r for r in results if r.case.seed == seed], ours, right))
    dropped = [r for r in results if not r.valid and not r.error]
    return {
        "part": part,
        "runs": len(results),
        "dropped": {
            "broken": sum(bool(r.case.fault) for r in dropped),
            "healthy": sum(not r.case.fault for r in dropped),
        },
        "judges": {name: attrs.asdict(f) for name, f in judges(results).items()},
        "seeds": spread,
        "rules": {code: attrs.asdict(m) for code, m in by_rule(results, catalog).items()},
        "faults": {n: {"runs": a, "found": b, "top": c, "first": d} for n, (a, b, c, d) in by_fault(results).items()},
        "alarms": [_alarm(r) for r in results if not r.case.fault and r.valid and r.faults],
        "groups": _by_group(results),
        "probabilities": probabilities(results),
        "reliability": [attrs.asdict(b) for b in reliability(results)],
        "brier": brier_score(results),
        "unseen": _of_unseen(unseen),
        "contradictions": [_contradiction(r) for r in everything if r.said],
        "watching": _mean(r.watching / r.seconds for r in results if r.seconds),
    }


def _contradiction(r: Result) -> dict[str, object]:
    return {"fault": r.case.fault, "task": r.case.task, "seed": r.case.seed, "said": list(r.said)}


def _by_group(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Class of data -> healthy runs, and the share of them with a FAULT."""
    healthy = [r for r in results if not r.case.fault and r.valid]
    groups = {name: [r for r in healthy if r.group == name] for name in dict.fromkeys(r.group for r in healthy)}
    return {name: {"healthy": len(rs), "alarms": _mean(bool(r.faults) for r in rs)} for name, rs in groups.items()}


def _of_unseen(results: Sequence[Result]) -> dict[str, dict[str, object]]:
    """Kind of mistake that no rule was tuned for -> valid runs, those with any FAULT.

    And the first FAULTs.
    """
    counted: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys(r.case.fault for r in results):
        runs = [r for r in results if r.case.fault == name and (r.valid or r.error)]
        firsts = Counter(r.faults[0] if r.faults else "nothing" for r in runs)
        counted[name] = {
            "runs": len(runs),
            "something": sum(bool(r.faults) for r in runs),
            "faults": sum(len(r.faults) for r in runs),
            "first": dict(firsts.most_common()),
        }
    return counted


def _alarm(r: Result) -> dict[str, object]:
    return {"task": r.case.task, "variant": r.case.variant, "seed": r.case.seed, "faults": list(r.faults)}


def judges(results: Sequence[Result]) -> dict[str, Figures]:
    """minigrad and the baselines on the same runs.

    Lightning's overfit_batches says no more than that something is wrong with model or loss. It counts as a right
    answer for every fault whose rule is of the families wiring and start.
    """
    structural = {rule.code for _, rule in rules() if rule.family in ("wiring", "start")}

    def lightning_right(r: Result) -> Sequence[str]:
        return (*r.right, "WIRING") if set(r.right) & structural else r.right

    return {
        "minigrad": figures(results, ours, right),
        "Keras callbacks": figures(results, _keras, right),
        "Lightning checks": figures(results, _lightning, lightning_right),
    }


def markdown(figures: dict[str, object], titles: dict[str, str]) -> str:
    """The tables for the docs."""
    lines = [
        "| judge | broken runs | recall | first finding right | wrong FAULTs a run | healthy runs | with a FAULT |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for name, f in _table(figures["judges"]):
        lines.append(
            f"| {name} | {f['broken']} | {f['recall']:.3f} | {f['top']:.3f} | {f['extra']:.2f} | {f['healthy']} | "
            f"{f['alarms']:.3f} |"
        )
    for seed, f in _table(figures["seeds"]):
        lines.append(
            f"| minigrad, seed {seed} | {f['broken']} | {f['recall']:.3f} | {f['top']:.3f} | {f['extra']:.2f} | "
            f"{f['healthy']} | {f['alarms']:.3f} |"
        )
    if figures.get("groups"):
        lines += ["", "| class of data | healthy runs | with a FAULT |", "|---|---|---|"]
    for name, f in _table(figures.get("groups", {})):
        lines.append(f"| {name} | {f['healthy']} | {f['alarms']:.3f} |")
    lines += _reliability(figures)
    if figures.get("unseen"):
        lines += _unseen(figures)
        lines += ["", "| kind that no rule was tuned for | runs | with a FAULT | first findings |", "|---|---|---|---|"]
    for name, f in _table(figures.get("unseen", {})):
        firsts = f["first"]
        shown = ", ".join(f"{code} {n}" for code, n in firsts.items()) if isinstance(firsts, dict) else ""
        lines.append(f"| {name} | {f['runs']} | {f['something']} | {shown} |")
    lines += ["", "| fault | runs | found | first finding right | first findings |", "|---|---|---|---|---|"]
    for name, f in _table(figures["faults"]):
        firsts = f["first"]
        shown = ", ".join(f"{code} {n}" for code, n in firsts.items()) if isinstance(firsts, dict) else ""
        lines.append(f"| {name} | {f['runs']} | {f['found']} | {f['top']} | {shown} |")
    lines += [
        "",
        "| rule | mistake | right answer in | found | wrong on healthy | wrong on broken |",
        "|---|---|---|---|---|---|",
    ]
    for code, f in _table(figures["rules"]):
        lines.append(
            f"| {code} | {titles.get(code, '')} | {f['runs']} | {f['found']} | {f['alarms']} of {f['healthy']} | "
            f"{f['extra']} of {f['broken']} |"
        )
    return "\n".join(lines) + "\n"


def _reliability(figures: dict[str, object]) -> list[str]:
    bins = figures.get("reliability")
    if not isinstance(bins, list) or not bins:
        return []
    head = ["", "| probability stated | share that was right | findings |", "|---|---|---|"]
    return head + [f"| {b['stated']:.2f} | {b['seen']:.2f} | {b['count']} |" for b in bins]


def _unseen(figures: dict[str, object]) -> list[str]:
    rows = [f for _, f in _table(figures["unseen"])]
    runs = sum(int(f["runs"]) for f in rows)
    something, faults = (sum(int(f[name]) for f in rows) for name in ("something", "faults"))
    return [
        "",
        f"Kinds that no rule was tuned for: {runs} runs of {len(rows)} kinds, with a FAULT "
        f"{something / max(runs, 1):.3f}, FAULTs a run {faults / max(runs, 1):.2f}.",
    ]


def _table(value: object) -> Iterable[tuple[str, dict[str, float]]]:
    assert isinstance(value, dict)
    return value.items()
