"""A section for every finding of the diagnosis: meaning, source, thresholds, measurements."""

from __future__ import annotations

import difflib
import json
from functools import lru_cache

from minigrad.diagnosis import rules
from minigrad.diagnosis.benchmark_results import PATH, measured_of, probability_of
from minigrad.diagnosis.broken_scripts import SCRIPTS
from minigrad.diagnosis.catalog import thresholds_of
from minigrad.diagnosis.rule import FAMILIES, Rule
from minigrad.docs.markdown import anchor, docstring, escape, table
from minigrad.docs.reference.page import Page

__all__ = ["finding_page"]


def finding_page() -> Page:
    """All rules of the diagnosis, in the order in which causes are likely."""
    catalog = sorted(rules(), key=lambda entry: (FAMILIES.index(entry[1].family), entry[1].code))
    lead = (
        f"# Findings\n\n{len(catalog)} rules look at a training. `minigrad doctor script.py` and every run tell what "
        "they found; `minigrad explain CODE` prints what stands here. A FAULT is to be mended, a NOTE to be known. "
        "The families are looked at in this order, since a cause hides its after-effects: "
        f"{', '.join(FAMILIES)}.\n\n"
    )
    return Page("reference/findings", lead + "\n".join(_section(origin, rule) for origin, rule in catalog))


@lru_cache
def _first_named() -> tuple[tuple[str, str], ...]:
    """Mistake of the benchmark, and a code that was the first finding of a run with it."""
    document = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {"faults": {}}
    return tuple((fault, code) for fault, known in document["faults"].items() for code in known["first"])


def _section(origin: str, rule: Rule) -> str:
    values = [(f"`{name}`", f"{value:g}") for name, value in thresholds_of(rule).items()]
    codes = {known.code for _, known in rules()}
    effects = ", ".join(
        f"[{escape(code)}]({anchor('finding', code)})" if code in codes else f"`{code}`"
        for code in sorted(rule.effects)
    )
    facts = [
        ("family", rule.family),
        ("source", escape(rule.source)),
        ("measured on held-out runs", escape(measured_of(rule.code))),
        ("offered by", escape(origin)),
    ]
    named = [fault.replace("_", " ") for fault, code in _first_named() if code == rule.code]
    if named:
        facts.append(("mistakes of the benchmark that it named first", escape(", ".join(named))))
    probability = probability_of(rule.code)
    if probability is not None:
        facts.append(("probability that a FAULT of it is right", f"{probability:.2f}"))
    if effects:
        facts.append(("explains", effects))
    parts = [
        f"({anchor('finding', rule.code)})=\n## {escape(rule.code)}\n",
        f"{escape(rule.title[0].upper() + rule.title[1:])}.\n",
        docstring(type(rule).__doc__),
        table(("", ""), facts),
        table(("threshold", "default"), values) if values else "",
        _script(rule.code),
    ]
    return "\n".join(parts)


def _script(code: str) -> str:
    """The smallest script that is told the finding, and its mend, for the codes that have one."""
    if code not in SCRIPTS:
        return ""
    script = SCRIPTS[code]
    broken, mended = script.broken, script.mended
    mend = list(difflib.unified_diff(broken.splitlines(), mended.splitlines(), lineterm="", n=1))[2:]
    how = "run it" if script.watched else "minigrad doctor script.py"
    return (
        f"A script that is told {escape(code)} ({how}):\n\n```py\n{broken.strip()}\n```\n\n"
        "Its mend:\n\n```diff\n" + "\n".join(mend) + "\n```\n"
    )
