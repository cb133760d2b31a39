"""The proof that the gate hands to the registry.

What was checked, and what the check could have revealed.
"""

from __future__ import annotations

import attrs

from minigrad.core.op import Op
from minigrad.text import as_html
from minigrad.verify.covering import Coverage


def evidence_of(op: Op) -> tuple[object, ...]:
    """All that an op is made of: what a certificate is about."""
    return (op.forward, op.rules, op.claims, op.declaration, op.batch_rule, op.accumulate_rule, op.numpy, op.role)


def certificate_of(op: Op) -> Certificate:
    """The certificate of a registered op, with all that the gate noted.

    Raises:
        UnregisteredOp: it has none.
    """
    certificate = op.certificate
    assert isinstance(certificate, Certificate)
    return certificate


@attrs.frozen
class Power:
    """The power of the check of one argument.

    Attributes:
        argument: its name.
        cases: cases in which it had a gradient to check.
        resolution: the smallest relative error of the gradient that the sharpest case would have revealed.
        worst: that of the bluntest case.
    """

    argument: str
    cases: int
    resolution: float
    worst: float


@attrs.frozen(eq=False)
class Certificate:
    """What was checked when an op was registered.

    Attributes:
        subject: the op itself; a certificate is good for no other.
        seed: of the samples; the same seed repeats the check.
        cases: sets of arguments that were compared with finite differences.
        checks: all comparisons (differences, structure, dtype, purity, claims).
        powers: per argument, the smallest error that could have been revealed.
        kinks: entries that were placed exactly on a declared kink.
        refused: structure cases that the op itself refuses with an error (such as 0-d input), which is its right.
        second_order: whether the gradient of the rule was checked as well.
        seconds: what the check took.
        evidence: the forward function, rules, claims and declaration that were checked.
        batching: comparisons of the batching rule with slice-by-slice application; None until it is checked, or where
            there is none.
        coverage: which combinations of shapes and options were compared, refused by the op or left out; None where
            there were none to combine.
    """

    subject: Op = attrs.field(repr=lambda op: op.name)
    seed: int
    cases: int
    checks: int
    powers: tuple[Power, ...]
    kinks: int = 0
    refused: tuple[str, ...] = ()
    second_order: bool = False
    seconds: float = 0.0
    evidence: tuple[object, ...] = attrs.field(default=(), repr=False)
    batching: int | None = None
    coverage: Coverage | None = attrs.field(default=None, repr=False)

    def covers(self, op: Op) -> bool:
        """Whether `op` is the one that was checked, with all that was declared then."""
        return self.subject is op and self.evidence == evidence_of(op)

    @property
    def resolution(self) -> float:
        """The smallest relative error that the check of every argument would have revealed."""
        return max((p.resolution for p in self.powers), default=0.0)

    def _repr_html_(self) -> str:
        """What was checked, as a notebook shows it."""
        return as_html(str(self))

    def __str__(self) -> str:
        name = self.subject.name
        lines = [
            f"{name}: {self.cases} cases against differences, {self.checks} checks, {self.kinks} entries on kinks, "
            f"second order {'checked' if self.second_order else 'before first use'}, seed {self.seed}"
        ]
        for p in self.powers:
            lines.append(f"  {p.argument}: reveals relative errors from {p.resolution:.1e} ({p.cases} cases)")
        if self.subject.batch_rule is not None or self.subject.claims.trailing:
            times = "before first use" if self.batching is None else f"{self.batching} stacks against one by one"
            lines.append(f"  batching rule: {times}")
        if self.coverage is not None:
            lines.append(f"  combinations: {self.coverage}")
        lines += [f"  refused by the op itself: {r}" for r in self.refused]
        return "\n".join(lines)
