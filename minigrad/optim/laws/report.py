"""What an examination found.

For every law whether it held, broke with a counter-example, or was not applicable.
"""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["LawViolated", "Outcome", "Report"]


class LawViolated(Exception):  # not an error of minigrad's: it never leaves the examination
    """A law does not hold. The message is the counter-example.

    `law` its key, where a check covers several.
    """

    def __init__(self, counterexample: str, law: str = "") -> None:
        super().__init__(counterexample)
        self.law = law


@attrs.frozen
class Outcome:
    """One law's verdict.

    Attributes:
        law: key, `C1` to `C14` or `D1` to `D10`.
        title: what it says.
        verdict: `held`, `broken`, or `skipped`.
        detail: the counter-example, or the reason for skipping.
        claimed: whether the optimizer has to keep it: core laws, and those listed in `laws`.
    """

    law: str
    title: str
    verdict: Literal["held", "broken", "skipped"]
    detail: str = ""
    claimed: bool = True

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.law} {self.verdict:8} {self.title}{detail}"


@attrs.frozen
class Report:
    """All verdicts on one optimizer.

    Attributes:
        plugin: its name, with distribution, version and entry point where known.
        outcomes: one for each law that was looked at.
        seconds: what the examination took.
    """

    plugin: str
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def broken(self) -> tuple[Outcome, ...]:
        """Laws that the optimizer had to keep and did not."""
        return tuple(o for o in self.outcomes if o.verdict == "broken" and o.claimed)

    @property
    def hints(self) -> tuple[str, ...]:
        """Titles of declared laws that hold though they are not claimed."""
        return tuple(o.title.split(":")[0] for o in self.outcomes if o.verdict == "held" and not o.claimed)

    def __str__(self) -> str:
        count = {v: sum(o.verdict == v for o in self.outcomes if o.claimed) for v in ("held", "broken", "skipped")}
        summary = ", ".join(f"{n} {v}" for v, n in count.items())
        shown = [str(o) for o in self.outcomes if o.claimed]
        hints = f"\nholds too, and could be claimed: {', '.join(self.hints)}" if self.hints else ""
        return f"{self.plugin}: {summary}, {1e3 * self.seconds:.1f} ms\n" + "\n".join(shown) + hints
