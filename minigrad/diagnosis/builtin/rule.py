"""What built-in rules have in common.

How they are declared, and how they say what they found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from minigrad.diagnosis.finding import Finding, Kind
from minigrad.diagnosis.rule import Family

__all__ = ["Builtin"]


class Builtin:
    """The declaration of a rule (see `minigrad.diagnosis.Rule`), and findings in its name."""

    __slots__ = ()

    code: ClassVar[str]
    family: ClassVar[Family]
    title: ClassVar[str]
    source: ClassVar[str]
    effects: ClassVar[frozenset[str]] = frozenset()

    def finding(
        self, where: str, evidence: Mapping[str, float], why: str, *advice: str, kind: Kind = "FAULT"
    ) -> Finding:
        """A finding of this rule: see `Finding` for what the parts say."""
        return Finding(kind, self.code, where, evidence, why, advice)
