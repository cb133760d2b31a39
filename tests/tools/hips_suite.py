"""Run the tests of HIPS autograd, from its source distribution, on minigrad.

    pip download --no-deps --no-binary :all: autograd==1.9.1
    python tests/tools/hips_suite.py autograd-1.9.1.tar.gz [arguments of pytest]

`autograd` and its parts are stood in for by modules made of minigrad: `autograd.numpy` is NumPy, which dispatches on
Tensors, but for functions of lists, which NumPy does not ask; derivatives are minigrad's; the checks of HIPS's
`test_util` are written anew with differences, since its own walk its vector spaces. Prints how many tests passed,
failed by reason, and do not apply.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TOOLS = Path(__file__).parent
sys.path[:0] = [str(TOOLS.parent)]

from support.hips_modules import install  # noqa: E402

NOT_APPLICABLE = {
    "complex": "complex numbers",
    "primitive": "its own way of defining primitives",
    "vspace": "its vector spaces",
    "stats": "scipy.stats",
    "xarray": "xarray",
    "own": "its own parts (tracing, flattening, deprecated names)",
}
"""Keys with which `support.hips_modules` skips a test, and what they stand for."""

REASONS = (
    ("would lose", "NumPy asks no list or index trick for its dispatch: a Tensor refuses to become an array"),
    ("eigvalh", "eigvalsh and eigh take the symmetric part, HIPS one triangle"),
    ("integers", "casts to integers, and integer arguments, have no gradient here"),
    ("DID NOT RAISE", "HIPS tests that it raises; minigrad answers"),
    ("cotangent has another structure", "truth values have no derivative here; HIPS gives 0"),
    ("make_diagonal", "names of its NumPy wrapper that NumPy has not"),
    ("unexpected keyword", "options that minigrad's function has not"),
)
"""A piece of a failure's text, and the reason that it is counted under."""


class Counts:
    """A pytest plugin that counts outcomes."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.failed: dict[str, str] = {}
        self.inapplicable: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what became of a test."""
        if report.skipped:
            text = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
            key = text.removeprefix("Skipped: ")
            self.inapplicable[report.nodeid] = NOT_APPLICABLE.get(key, key)
        elif report.failed and any(piece in str(report.longrepr) for piece in ("complex128", "(complex)")):
            self.inapplicable[report.nodeid] = NOT_APPLICABLE["complex"]
        elif report.failed:
            self.failed[report.nodeid] = str(report.longrepr)
        elif report.when == "call":
            self.passed.add(report.nodeid)

    def print(self) -> None:
        """Say how many, and why."""
        print(f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.inapplicable)} not applicable")
        for why, count in Counter(self.inapplicable.values()).most_common():
            print(f"  not applicable, {why}: {count}")
        by_reason: dict[str, list[str]] = {}
        for name, text in self.failed.items():
            reason = next((r for piece, r in REASONS if piece in f"{name} {text}"), "other")
            by_reason.setdefault(reason, []).append(name.rsplit("/", 1)[-1])
        for reason, names in sorted(by_reason.items(), key=lambda item: -len(item[1])):
            print(f"  failed, {reason}: {len(names)}: {', '.join(sorted(names))}")


def run(source: Path, options: Sequence[str]) -> Counts:
    """Run the tests of a source distribution, a folder or an archive."""
    counts = Counts()
    with tempfile.TemporaryDirectory() as folder:
        if source.is_file():
            with tarfile.open(source) as archive:
                archive.extractall(folder, filter="data")
            source = next(Path(folder).iterdir())
        install()
        np.random.seed(0)
        warnings.simplefilter("ignore")
        tests = str(source / "tests")
        sys.path.insert(0, tests)
        pytest.main([tests, "-q", "--no-header", "-p", "no:cacheprovider", "-W", "ignore", "--tb=short",
                     f"--rootdir={tests}", "-c", "/dev/null", *options], plugins=[counts])  # fmt: skip
    return counts


def main() -> Any:
    """Run, and print the counts; the number of tests that failed."""
    counts = run(Path(sys.argv[1]), sys.argv[2:])
    counts.print()
    return len(counts.failed)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
