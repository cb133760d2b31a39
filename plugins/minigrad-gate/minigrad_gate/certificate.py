"""What was checked of a foreign function, in the words of the gate's own certificates."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from minigrad.verify import Certificate, Power

_MOST_REFUSED = 4
"""How many refused cases a certificate shows when it is printed."""


@attrs.frozen
class ForeignCertificate:
    """What was checked of a function of another framework; a true value.

    Attributes:
        name: of the function.
        kind: what it is, such as "torch.autograd.Function".
        seed: of the numbers drawn; the same seed repeats the check.
        cases: sets of arguments that were compared with finite differences.
        checks: all comparisons, with those of the framework's own contract.
        powers: per argument, the smallest relative error that would have been revealed.
        kinks: entries that were placed exactly on a kink.
        second_order: "checked", or why it was not.
        refused: derived cases that the function or its rule refuses aloud, which is their right.
        left_out: what could not be examined, and why.
        seconds: what the check took.
    """

    name: str
    kind: str
    seed: int
    cases: int
    checks: int
    powers: tuple[Power, ...]
    kinks: int = 0
    second_order: str = "checked"
    refused: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def resolution(self) -> float:
        """The smallest relative error that the check of every argument would have revealed."""
        return max((p.resolution for p in self.powers), default=0.0)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        lines = [
            f"{self.kind} {self.name}: {self.cases} cases against differences, {self.checks} checks, {self.kinks} "
            f"entries on kinks, second order {self.second_order}, seed {self.seed}"
        ]
        lines += [
            f"  {p.argument}: reveals relative errors from {p.resolution:.1e} ({p.cases} cases)" for p in self.powers
        ]
        lines += [f"  refused by the function itself: {r}" for r in self.refused[:_MOST_REFUSED]]
        if len(self.refused) > _MOST_REFUSED:
            lines.append(f"  refused by the function itself: {len(self.refused) - _MOST_REFUSED} more, see .refused")
        lines += [f"  left out: {r}" for r in self.left_out]
        return "\n".join(lines)


def joined_powers(certificates: Sequence[Certificate]) -> tuple[Power, ...]:
    """Join the powers of certificates: all cases, the sharpest resolution."""
    powers: dict[str, Power] = {}
    for power in (p for c in certificates for p in c.powers):
        before = powers.get(power.argument)
        if before is not None:
            power = Power(
                power.argument, before.cases + power.cases, min(before.resolution, power.resolution),
                max(before.worst, power.worst),
            )  # fmt: skip
        powers[power.argument] = power
    return tuple(powers.values())
