"""Try a release: `python tests/tools/release.py [--python 3.11 ...] [--quick] [--keep FOLDER]`.

Builds the wheel and source distribution of minigrad and every plugin twice, from two copies of what git holds and with
SOURCE_DATE_EPOCH, and compares them bit for bit. Then, in a clean environment for each Python: installs the wheels,
trains as the README's first command does, and re-runs the gate. Needs git and uv, and an index for what minigrad needs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
EPOCH = "1767225600"
"""1 January 2026, the time that files in the archives bear."""
_VERSION = 'import sys; print("%d.%d" % sys.version_info[:2])'


def main() -> int:
    """Run everything; 1 if something differs or fails."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--python", nargs="*", default=VERSIONS, help=f"versions to install for; default {VERSIONS}")
    parser.add_argument("--quick", action="store_true", help="two epochs, and the self-test of three ops")
    parser.add_argument("--keep", type=Path, help="a folder for the archives, if all is well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="minigrad-release-") as scratch:
        builds = [build(Path(scratch) / name) for name in ("first", "second")]
        differing = differences(*builds)
        archives = sorted(builds[0].iterdir())
        print(f"{len(archives)} archives built twice, {len(differing)} differ: {', '.join(differing) or 'none'}")
        wrong = [*differing, *versions_that_differ(archives)]
        for version in arguments.python:
            wrong += try_wheels(builds[0], Path(scratch) / version, version, arguments.quick)
        if arguments.keep and not wrong:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            for path in archives:
                (arguments.keep / path.name).write_bytes(path.read_bytes())
    for what in wrong:
        print(f"WRONG {what}")
    return 1 if wrong else 0


def build(folder: Path) -> Path:
    """Build every distribution from a copy of HEAD; returns the folder of archives."""
    sources, archives = folder / "sources", folder / "archives"
    sources.mkdir(parents=True)
    tree = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(sources)], input=tree, check=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    command = ["uv", "build", "--quiet", "--all-packages", "--out-dir", str(archives)]
    subprocess.run(command, cwd=sources, check=True, env=environment)
    (archives / ".gitignore").unlink(missing_ok=True)
    return archives


def differences(first: Path, second: Path) -> list[str]:
    """Names of archives that only one build has, or whose bytes differ."""
    sums = [
        {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()} for folder in (first, second)
    ]
    return sorted(name for name in sums[0].keys() | sums[1].keys() if sums[0].get(name) != sums[1].get(name))


def versions_that_differ(archives: list[Path]) -> list[str]:
    """Archives of minigrad whose version is not that of `minigrad/__init__.py`, and plugins without an archive."""
    text = (ROOT / "minigrad/__init__.py").read_text()
    stated = re.search(r'__version__ = "([^"]+)"', text)
    assert stated is not None
    names = {path.name for path in archives}
    expected = {f"minigrad-{stated[1]}.tar.gz", f"minigrad-{stated[1]}-py3-none-any.whl"}
    for project in sorted(ROOT.glob("plugins/*/pyproject.toml")):
        about = tomllib.loads(project.read_text())["project"]
        expected.add(f"{about['name'].replace('-', '_')}-{about['version']}-py3-none-any.whl")
    return [f"no archive {name}" for name in sorted(expected - names)]


def interpreter(version: str) -> str | None:
    """The interpreter of a version that starts, on PATH or under pyenv (whose shims stand for versions not set)."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
    for candidate in filter(None, candidates):
        asked = subprocess.run([candidate, "-c", _VERSION], capture_output=True, text=True, check=False)
        if asked.stdout.strip() == version:
            return candidate
    return None


def try_wheels(archives: Path, folder: Path, version: str, quick: bool) -> list[str]:
    """Install the wheels into a new environment, train, and re-run the gate; returns what failed."""
    base = interpreter(version)
    if base is None:
        print(f"Python {version}: LEFT OUT, there is none on PATH or under pyenv")
        return []
    python, scratch = folder / "bin" / "python", folder / "work"
    subprocess.run(["uv", "venv", "--quiet", "--python", base, str(folder)], check=True)
    scratch.mkdir()
    wheels = [str(path) for path in sorted(archives.glob("*.whl"))]
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), *wheels]
    commands = {
        "install": install,
        "train": [str(folder / "bin" / "minigrad"), "train", *(["--epochs", "2"] if quick else [])],
        "optimizers": [str(folder / "bin" / "minigrad"), "optimizers"],
        "selftest": [str(folder / "bin" / "minigrad"), "selftest",
            *(["--ops", "exp,matmul,softmax", "--seeds", "2"] if quick else ["--seeds", "2", "--no-mutants"])],
    }  # fmt: skip
    wrong = []
    for name, command in commands.items():
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        print(f"Python {version}: {name} {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
        if done.returncode:
            wrong.append(f"Python {version}, {name}: {(done.stderr or done.stdout)[-400:]}")
            break
    return wrong


if __name__ == "__main__":
    sys.exit(main())
