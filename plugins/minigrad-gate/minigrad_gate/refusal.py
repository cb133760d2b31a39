"""Refusals of a framework's own contract, worded as the gate words its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad import InvalidRule, RegistrationError
from minigrad.typing import Array
from minigrad.verify import GateFinding, WorstEntry
from minigrad_gate.foreign import Options


def gap_of(found: Array, due: Array, floor: float = 0.0) -> Array | None:
    """How far each entry is from what is due, or None where all are equal up to round-off.

    Args:
        found: what is judged.
        due: what it must be.
        floor: a gap that is round-off whatever the size of the numbers.
    """
    if found.shape != due.shape:
        return np.full(due.shape, np.inf)
    size = np.where(np.isfinite(due), np.abs(due), 0.0)
    allowed = 1e-9 * size + 1e-11 * np.max(size, initial=0.0) + floor + 1e-300
    both = (found == due) | (np.isnan(found) & np.isnan(due))
    with np.errstate(invalid="ignore"):
        gap = np.where(both, 0.0, np.abs(found - due))
    return None if (gap <= allowed).all() else np.nan_to_num(gap, nan=np.inf)


class Refusals:
    """Makes the errors for one sample of one function."""

    def __init__(self, name: str, arguments: Sequence[str], arrays: Sequence[Array], options: Options) -> None:
        self.floor = 0.0
        self.name = name
        self.arguments = arguments
        self.arrays = arrays
        shapes = ", ".join(f"{a.shape} {a.dtype}" for a in arrays)
        self.case = f"sample: {shapes}" + "".join(f", {k}={v!r}" for k, v in options.items())

    def contract(self, problem: str, remedy: str) -> RegistrationError:
        """A rule that breaks a contract."""
        return self._error(f"op {self.name!r} is refused: {problem}", "", None, remedy)

    def mismatch(self, index: int, found: Array, due: Array, problem: str, remedy: str) -> RegistrationError:
        """A gradient that is not the one that is due, with its worst entry."""
        name = self.arguments[index]
        worst = None
        gap = gap_of(found, due, self.floor)
        if gap is not None and gap.size and found.shape == due.shape:
            place = np.unravel_index(int(np.argmax(gap)), gap.shape)
            index_of = tuple(int(p) for p in place)
            x = float(self.arrays[index][place])
            worst = WorstEntry(name, index_of, x, float(found[place]), float(due[place]), 0.0, "due is")
        return self._error(f"op {self.name!r}, argument {name!r} is refused: {problem}", name, worst, remedy)

    def _error(self, head: str, argument: str, worst: WorstEntry | None, remedy: str) -> RegistrationError:
        lines = [head]
        if worst is not None:
            lines.append(f"  worst entry: {worst}")
        lines += [f"  case: {self.case}", f"  next: {remedy}"]
        error = InvalidRule("\n".join(lines))
        error.finding = GateFinding(self.name, "InvalidRule", argument, self.case, worst)
        return error
