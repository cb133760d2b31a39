"""Run the array API standard's own test suite on minigrad: `python tests/tools/array_api.py CHECKOUT [options]`.

CHECKOUT is a checkout of data-apis/array-api-tests with its submodule `array-api`, outside this project; it needs
`hypothesis`, `ndindex` and `pytest-json-report` beside minigrad. The suite is copied before it runs, as it cannot be
imported for a library without complex dtypes: one line of the copy is told what their widest one is (none).

Prints how many tests passed, failed and were skipped, the reasons of what was skipped, and the first line of each
failure. Exit status 0 if none failed that is claimed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from shutil import copytree, ignore_patterns

WIDEST_COMPLEX = (
    "    [(dt, dtype_nbits[dt]) for dt in complex_dtypes], key=lambda x: x[1]\n",
    "    [(dt, dtype_nbits[dt]) for dt in complex_dtypes], key=lambda x: x[1], default=(None, 0)\n",
)

INFINITE = "inf // 2 is NaN and 1 // -inf is -1, as in NumPy, where the standard has inf and -0"

NOT_CLAIMED = {
    "test_has_names[fft-": "the extension fft: its spectra are complex, and there is no complex Tensor",
    "imag(x_i)": "special cases of complex numbers: there is no complex Tensor",
    "test_vecdot_conj": "complex numbers: there is no complex Tensor",
    "test_dunder_dlpack": "copy=False without max_version: read-only memory cannot be marked as such in old DLPack",
    "floor_divide(x1_i is +infinity": INFINITE,
    "floor_divide(x1_i is -infinity": INFINITE,
    "floor_divide(isfinite(x1_i) and x1_i > 0 and x2_i is -infinity": INFINITE,
    "floor_divide(isfinite(x1_i) and x1_i < 0 and x2_i is +infinity": INFINITE,
    "floordiv__(x1_i is +infinity": INFINITE,
    "floordiv__(x1_i is -infinity": INFINITE,
    "floordiv__(isfinite(x1_i) and x1_i > 0 and x2_i is -infinity": INFINITE,
    "floordiv__(isfinite(x1_i) and x1_i < 0 and x2_i is +infinity": INFINITE,
}
"""Part of a test's name -> why minigrad does not claim what it asks for."""


def copy_suite(checkout: Path, target: Path) -> None:
    """Copy the suite to `target`, where it can be imported without complex dtypes.

    Raises:
        SystemExit: `checkout` is no checkout of the suite with its submodule, or of an edition that this does not know.
    """
    if not (checkout / "array-api" / "spec").is_dir():
        sys.exit(f"{checkout} holds no array-api/spec: check the suite out with its submodule")
    copytree(checkout, target, ignore=ignore_patterns(".git", ".hypothesis"))
    helpers = target / "array_api_tests" / "dtype_helpers.py"
    text = helpers.read_text()
    if text.count(WIDEST_COMPLEX[0]) != 1:
        sys.exit(f"{helpers.name} of this edition finds the widest complex dtype in another way")
    helpers.write_text(text.replace(*WIDEST_COMPLEX))


def run_suite(suite: Path, examples: int, chosen: list[str]) -> list[dict[str, object]]:
    """Run the suite but for what is not claimed, and return its report, one entry a test."""
    options = ["-p", "no:cacheprovider", "-p", "no:minigrad-ops", "-p", "no:minigrad-optimizers"]
    options += chosen or ["array_api_tests"]
    names = _pytest(suite, "--collect-only", *options).splitlines()
    (suite / "unclaimed.txt").write_text("\n".join(n for n in names if reason_of(n)))
    options += ["--skips-file", "unclaimed.txt", f"--max-examples={examples}", "--hypothesis-disable-deadline"]
    _pytest(suite, "--tb=short", "--json-report", "--json-report-file=report.json", *options)
    tests: list[dict[str, object]] = json.loads((suite / "report.json").read_text())["tests"]
    return tests


def reason_of(name: str) -> str | None:
    """Why a test is not claimed to pass; None if it is."""
    return next((why for part, why in NOT_CLAIMED.items() if part in name), None)


def _pytest(suite: Path, *options: str) -> str:
    environment = {
        **os.environ,
        "ARRAY_API_TESTS_MODULE": "minigrad.array_api",
        "ARRAY_API_TESTS_SKIP_DTYPES": "complex64,complex128",
    }
    command = [sys.executable, "-m", "pytest", "-q", *options]
    return subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True, check=False).stdout


def first_line(test: dict[str, object]) -> str:
    """What a failed or skipped test says first."""
    for stage in ("setup", "call"):
        part = test.get(stage)
        if isinstance(part, dict) and part.get("outcome") in ("failed", "skipped"):
            crash = part.get("crash")
            text = (
                crash["message"] if isinstance(crash, dict) else str(part.get("longrepr", "")).partition("Skipped: ")[2]
            )
            return " ".join(text.split())[:300].rstrip("')")
    return ""


def main() -> int:
    """Run the suite and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--examples", type=int, default=100, help="examples a test (the suite's own number: 100)")
    parser.add_argument("--only", nargs="*", default=[], help="files or tests of the suite, as pytest takes them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "suite"
        copy_suite(arguments.checkout, suite)
        tests = run_suite(suite, arguments.examples, arguments.only)
    counts = Counter(str(t["outcome"]) for t in tests)
    for test in tests:
        if test["outcome"] not in ("passed", "skipped"):
            print(f"{str(test['outcome']).upper()} {test['nodeid']}\n    {first_line(test)}")
    print()
    skipped = [t for t in tests if t["outcome"] == "skipped"]
    reasons = Counter(reason_of(str(t["nodeid"])) or first_line(t) for t in skipped)
    for reason, count in reasons.most_common():
        print(f"skipped {count:4}  {reason}")
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    return 0 if tests and set(counts) <= {"passed", "skipped"} else 1


if __name__ == "__main__":
    sys.exit(main())
