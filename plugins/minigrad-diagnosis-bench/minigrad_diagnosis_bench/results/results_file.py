"""Results in a file, a JSON object on a line.

A run of hours can be stopped and gone on with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

import minigrad
from minigrad.core.errors import MinigradError
from minigrad_diagnosis_bench.cases import Case, Result

__all__ = ["ResultsFile", "ResultsFileError"]


class ResultsFileError(MinigradError, ValueError):
    """A file of results cannot be gone on with."""


class ResultsFile:
    """What became of runs, on disk as soon as it is known.

    The first line says which rules judged, so that figures of two versions are never added up.

    Attributes:
        path: of the file.
        by_case: what is known.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there, or begin a file.

        Args:
            path: of the file; its folder exists.

        Raises:
            ResultsFileError: it is of other rules, or not such a file.
        """
        self.path = path
        self.by_case: dict[Case, Result] = {}
        rules = _digest_of_rules()
        if not path.exists() or not path.stat().st_size:
            path.write_text(json.dumps({"rules": rules}) + "\n", encoding="utf-8")
            return
        try:
            head, *rows = map(json.loads, _whole_lines(path))
            judged_by = head["rules"]
            self.by_case = {result.case: result for result in map(_result, rows)}
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsFileError(f"{path}: no results of bench-diagnosis ({error}); name another folder") from error
        if judged_by != rules:
            raise ResultsFileError(
                f"{path}: its {len(rows)} runs were judged by other rules than those of today; name another folder"
            )

    def add(self, results: Sequence[Result]) -> None:
        """Append results."""
        self.by_case |= {result.case: result for result in results}
        with open(self.path, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(attrs.asdict(result)) + "\n" for result in results)


def _whole_lines(path: Path) -> list[str]:
    """Lines that were written to their end; a process that was killed leaves a part of one."""
    text = path.read_text(encoding="utf-8")
    end = text.rfind("\n") + 1
    if end < len(text):
        path.write_text(text[:end], encoding="utf-8")
    return text[:end].splitlines()


def _result(row: Mapping[str, object]) -> Result:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Result(**values | {"case": Case(**row["case"])})  # type: ignore[arg-type]  # as asdict wrote them


def _digest_of_rules() -> str:
    """Of everything that a result depends on: sources of the diagnosis and of the benchmark."""
    here = Path(__file__).parent
    folders = (Path(minigrad.__file__).parent / "diagnosis", here.parent)
    text = hashlib.sha256()
    for file in sorted(file for folder in folders for file in folder.rglob("*.py")):
        if file.parent != here and file.name not in ("command.py", "arguments.py"):
            text.update(file.read_bytes())
    return text.hexdigest()[:16]
