"""What a rule is.

A frozen class with its thresholds as fields, and one method that looks at the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding

__all__ = ["FAMILIES", "Family", "Rule"]

Family: TypeAlias = Literal["data", "wiring", "start", "numerics", "rate", "fit"]

FAMILIES: tuple[Family, ...] = ("data", "wiring", "start", "numerics", "rate", "fit")
"""The families of rules in the order in which causes are likely.

The first finding shown is of the first family that has one.
"""


@runtime_checkable
class Rule(Protocol):
    """One kind of mistake, and how it shows.

    A rule is an attrs-frozen class whose fields are thresholds with defaults, offered through the entry-point group
    `minigrad.rules` under its code. Rules are independent of each other: which finding explains which is said by
    `effects`, and applied by the code that runs them.

    Attributes:
        code: what its findings are called, in capitals: "LR_HIGH".
        family: where it stands in the order of causes.
        title: the mistake in a few words.
        source: where rule and thresholds come from.
        effects: codes of findings that this one explains, and that are then not shown as faults of their own.
    """

    code: ClassVar[str]
    family: ClassVar[Family]
    title: ClassVar[str]
    source: ClassVar[str]
    effects: ClassVar[frozenset[str]]

    def look(self, seen: Evidence) -> Iterable[Finding]:
        """The findings, none if all is well or the figures it needs were not taken.

        Changes nothing.
        """
        ...
