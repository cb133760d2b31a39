"""The laws of optimizers: invariances that a plugin must keep, or may claim.

`examine(cls)` runs them on small functions with known derivatives and returns a Report with a counter-example for each
law that breaks. `holds(rule, "elementwise")` asks about one configured rule.
"""

from __future__ import annotations

from hashlib import sha256
from time import perf_counter

import attrs

from minigrad.core.errors import nearest
from minigrad.optim.errors import PluginError
from minigrad.optim.laws.claimed import DECLARED
from minigrad.optim.laws.landscape import tape
from minigrad.optim.laws.report import LawViolated, Outcome, Report
from minigrad.optim.laws.required import CORE, Check
from minigrad.optim.laws.rule_under_test import RuleUnderTest
from minigrad.optim.protocol import Need
from minigrad.optim.runner import UpdateRule
from minigrad.plugins.isolation import contained, summary

__all__ = ["CORE", "DECLARED", "Outcome", "Report", "check_law", "examine", "fingerprint", "keeps_law", "laws_of"]

_SIZE = 8
_SHORT, _LONG = 14, 200
_PROCESS = "touches nothing but its state"


def examine(cls: type[UpdateRule], plugin: str = "", *, seed: int = 0, everything: bool = False) -> Report:
    """Check the laws that every optimizer must keep, and those that `cls` claims.

    Args:
        cls: the optimizer class; it is built with its default hyperparameters and those in its `trial`, if any.
        plugin: how to call it in messages.
        seed: of the random functions and starting points.
        everything: look at unclaimed laws too, and go on after the first broken one.

    Raises:
        PluginError: `laws` names a law that does not exist.
    """
    began = perf_counter()
    name = plugin or cls.__name__
    for law in sorted(cls.laws):
        if law not in DECLARED:
            law_names = ", ".join(DECLARED)
            raise PluginError(name, f"it claims an unknown law {law!r}.{nearest(law, DECLARED)} Laws: {law_names}")
    subject = RuleUnderTest(name, cls, seed=seed, horizon=_LONG if everything else _SHORT)
    outcomes: list[Outcome] = []
    plan = [(key, title, check, True) for key, (title, check) in CORE.items()]
    plan += [(key, f"{law}: {title}", check, law in cls.laws) for law, (key, title, check) in DECLARED.items()]
    with contained(watch=True) as said:
        for key, title, check in (p[:3] for p in plan if p[3]):
            outcomes.append(_verdict(subject, key, title, check, True))
            if outcomes[-1].verdict == "broken" and not everything:
                break
    outcomes.append(_side_effects_outcome(outcomes, said))
    if everything:
        # Where a law is not claimed, runs may diverge and overflow: no fault of theirs.
        with contained():
            outcomes += [_verdict(subject, *p[:3], False) for p in plan if not p[3] and _could_claim(subject, p[0])]
    return Report(name, tuple(outcomes), perf_counter() - began)


def laws_of(cls: type[UpdateRule]) -> tuple[str, ...]:
    """Keys of the core laws and of the laws that `cls` claims."""
    return (*CORE, *(DECLARED[law][0] for law in DECLARED if law in cls.laws))


def check_law(cls: type[UpdateRule], key: str, plugin: str = "", *, seed: int = 0) -> Outcome:
    """The verdict on one law, by its key (`C1` to `C12`, `D1` to `D10`)."""
    checks = {**CORE, **{k: (f"{law}: {title}", check) for law, (k, title, check) in DECLARED.items()}}
    title, check = checks[key]
    with contained(watch=True) as said:
        outcome = _verdict(RuleUnderTest(plugin or cls.__name__, cls, seed=seed), key, title, check, True)
    if said and outcome.verdict == "held":
        return Outcome("C14", _PROCESS, "broken", " and ".join(said))
    return outcome


def keeps_law(rule: UpdateRule, law: str) -> bool:
    """Whether one declared law holds for a rule as it is configured."""
    values = {f.name: getattr(rule, f.name) for f in attrs.fields(type(rule)) if f.name != "layout"}
    key, title, check = DECLARED[law]
    with contained():
        return _verdict(RuleUnderTest("", type(rule), values), key, title, check, True).verdict == "held"


def fingerprint(cls: type[UpdateRule]) -> str:
    """A digest of two short runs.

    It must be the same in every process: whatever it is that two processes differ in, such as the seed of Python's
    hashes, is none of a rule's business.
    """
    subject = RuleUnderTest(cls.__name__, cls)
    with contained():
        path = subject.plain(_SIZE)
        if subject.needs == Need.GRAD:
            wide = subject.run(subject.start(130), tape(subject.gradients(4, 130)), 4)
            return sha256(path.tobytes() + wide.tobytes()).hexdigest()
    return sha256(path.tobytes()).hexdigest()


def _could_claim(subject: RuleUnderTest, key: str) -> bool:
    """Tell whether a small trial can show that an unclaimed law holds.

    A rule that knows where matrices are may treat them as such only where they are large.
    """
    return not (key == DECLARED["elementwise"][0] and "layout" in subject.fields)


def _side_effects_outcome(outcomes: list[Outcome], said: list[str]) -> Outcome:
    if any(o.verdict == "broken" for o in outcomes):
        return Outcome("C14", _PROCESS, "skipped", "another law broke first, which may make noise of its own")
    return Outcome("C14", _PROCESS, "broken" if said else "held", " and ".join(said))


def _verdict(subject: RuleUnderTest, key: str, title: str, check: Check, claimed: bool) -> Outcome:
    result = _run_check(subject, check, _SIZE)
    if isinstance(result, LawViolated):
        for smaller in (1, 2, 3):
            smaller_result = _run_check(subject, check, smaller)
            if isinstance(smaller_result, LawViolated):
                result = smaller_result
                break
        return Outcome(result.law or key, title, "broken", str(result), claimed)
    if result is not None:
        return Outcome(key, title, "skipped", result, claimed)
    return Outcome(key, title, "held", "", claimed)


def _run_check(subject: RuleUnderTest, check: Check, n: int) -> LawViolated | str | None:
    try:
        return check(subject, n)
    except (LawViolated, KeyboardInterrupt) as error:
        if isinstance(error, LawViolated):
            return error
        raise
    except BaseException as error:  # a plugin's SystemExit must not end the program that examines it
        return LawViolated(f"with {n} parameters it raised {summary(error)}")
