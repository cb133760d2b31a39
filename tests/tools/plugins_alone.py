"""Tests with one plugin installed, or with none: `python tests/tools/plugins_alone.py [NAME ...] [options]`.

    python tests/tools/plugins_alone.py                                            each plugin by itself, its own tests
    python tests/tools/plugins_alone.py minigrad-sklearn --also "scikit-learn==1.8.*"    beside an older release
    python tests/tools/plugins_alone.py minigrad-onnx --extras                     with what its extras name
    python tests/tools/plugins_alone.py --none                                     no plugin, the rooms of tests/

Each in an environment of its own, made by `uv` and removed afterwards: minigrad, the plugin, pytest and hypothesis.
Prints a line for each: what pytest said last, and how often each reason to skip was given. Exit status 0 if all passed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "pyproject.toml").exists())
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "scipy", "mpmath")


def environment_with(folder: Path, packages: list[str]) -> Path:
    """Make an environment with minigrad and some packages, and return its interpreter.

    Raises:
        CalledProcessError: a package cannot be installed.
    """
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), *TOOLS, *packages]
    subprocess.run(install, check=True, cwd=ROOT)
    return python


def run_tests(python: Path, place: Path, marks: str) -> tuple[int, str, Counter[str]]:
    """Run the tests in a folder: exit code, pytest's last line, reasons to skip and how often."""
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", "-rfEs"]
    hook = [] if place.parent.name == "tests" else ["-p", "support.missing_plugins"]
    outside = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    environment = {name: value for name, value in os.environ.items() if name not in outside}
    environment["PYTHONPATH"] = str(ROOT / "tests")  # for the hook below, which tests/conftest.py brings to the rooms
    done = subprocess.run(
        [*command, *hook, "-m", marks, str(place)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-300:]]
    skipped = re.findall(r"^SKIPPED \[(\d+)\] \S+ (.*)$", done.stdout, re.M)
    reasons: Counter[str] = Counter()
    for count, reason in skipped:
        reasons[reason] += int(count)
    failed = "".join(f"\n    {line}" for line in lines if line.startswith(("FAILED", "ERROR")))
    return done.returncode, lines[-1].strip("= ") + failed, reasons


def extras_of(plugin: str) -> str:
    """All extras of a plugin, as pip takes them."""
    project = tomllib.loads((ROOT / "plugins" / plugin / "pyproject.toml").read_text())["project"]
    extras = ",".join(project.get("optional-dependencies", {}))
    return f"[{extras}]" if extras else ""


def main() -> int:
    """Make the environments, run the tests and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plugins", nargs="*", metavar="NAME", help=f"of {', '.join(PLUGINS)}; all by default")
    parser.add_argument("--none", action="store_true", help="install no plugin and run the rooms of tests/")
    parser.add_argument("--rooms", nargs="*", default=[], help="folders of tests/ for --none; all by default")
    parser.add_argument("--also", nargs="*", default=[], help="further packages, as pip takes them")
    parser.add_argument("--extras", action="store_true", help="install the extras of the plugin too")
    parser.add_argument("--soak", action="store_true", help="run the long tests too")
    arguments = parser.parse_args()
    unknown = set(arguments.plugins) - set(PLUGINS)
    if unknown:
        parser.error(f"there is no plugin {', '.join(sorted(unknown))}; there are {', '.join(PLUGINS)}")
    rooms = arguments.rooms or sorted({p.parent.name for p in (ROOT / "tests").glob("*/test_*.py")})
    subjects = [""] if arguments.none else arguments.plugins or PLUGINS
    failed = 0
    for plugin in subjects:
        own = ["-e", f"plugins/{plugin}{extras_of(plugin) if arguments.extras else ''}"] if plugin else []
        with tempfile.TemporaryDirectory() as folder:
            minigrad = ["-e", "." if plugin else ".[plots,test]"]
            python = environment_with(Path(folder) / "env", [*minigrad, *own, *arguments.also])
            places = [ROOT / "plugins" / plugin / "tests"] if plugin else [ROOT / "tests" / room for room in rooms]
            for place in places:
                code, last, reasons = run_tests(python, place, "soak or not soak" if arguments.soak else "not soak")
                failed += code != 0
                print(f"{plugin or place.name:26} {last}", flush=True)
                for reason, count in reasons.most_common():
                    print(f"    skipped {count:4}  {reason[:150]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
