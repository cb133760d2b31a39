"""`minigrad new optimizer NAME` and `minigrad new op NAME`: scaffold a plugin.

What they write is a distribution that works as it is.
"""

from __future__ import annotations

import builtins
import keyword
import re
import shutil
import tempfile
from argparse import Namespace
from pathlib import Path
from string import Template

from minigrad.cli.output import write_json
from minigrad.core.errors import MinigradError

__all__ = ["ScaffoldError", "new", "scaffold"]

_TEMPLATES = Path(__file__).parent / "templates"
_SHAPES = {
    "optimizer": (r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "small letters, digits and single hyphens, such as my-rule"),
    "op": (r"[a-z][a-z0-9]*(_[a-z0-9]+)*", "small letters, digits and single underscores, such as my_op"),
}
_NAMES_IN_TEMPLATE = ("Array", "Law", "Moment", "Need", "None", "Objective", "Optimizer", "State", "True", "False")
_WORDS_IN_TEMPLATE = ("mg", "np", "op", "t", "x", "y", "g", "seed", "certificate", "find", "verify", "pytest")


class ScaffoldError(MinigradError, ValueError):
    """The plugin cannot be written: its name is not usable, or the folder is there already."""


def new(arguments: Namespace) -> int:
    """Write the plugin that was asked for, and say what to do with it. Returns the exit code."""
    folder, files = scaffold(arguments.kind, arguments.name, Path(arguments.out))
    if arguments.json:
        write_json({"command": "new", "kind": arguments.kind, "folder": str(folder), "files": files})
        return 0
    print(f"{'wrote':<10} {folder}/  {'  '.join(files)}")
    print(f"{'next':<10} pip install -e '{folder}[test]'")
    check = f"minigrad optimizers check {arguments.name}" if arguments.kind == "optimizer" else "mypy  and  ruff check"
    print(f"{'':<10} then, in {folder}:  pytest  and  {check}")
    return 0


def scaffold(kind: str, name: str, parent: Path) -> tuple[Path, list[str]]:
    """Write a plugin distribution called `name` into a new folder under `parent`.

    `kind` is "optimizer" or "op".

    Returns the folder, and the files in it.

    Raises:
        ScaffoldError: the name cannot be used or the folder exists; nothing has been written.
    """
    _check_name(kind, name)
    distribution = "minigrad-" + name.replace("_", "-")
    _check_distribution(distribution)
    module = distribution.replace("-", "_")
    title = "".join(part.capitalize() for part in name.split("-"))
    if title in _NAMES_IN_TEMPLATE:
        title += "Rule"
    words = {
        "name": name,
        "distribution": distribution,
        "module": module,
        "attribute": title if kind == "optimizer" else "OPS",
    }
    target = parent / distribution
    if target.exists():
        raise ScaffoldError(f"{target} exists already: choose another name, another --out, or move it away")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{distribution}-", dir=parent))
    except OSError as error:
        raise _unwritable(parent, error) from error
    try:
        files = _filled(_TEMPLATES / kind, work, words)
        work.chmod(0o755)
        work.rename(target)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unwritable(parent, error) from error
        raise
    return target, files


def _unwritable(parent: Path, error: OSError) -> ScaffoldError:
    return ScaffoldError(f"cannot write to {parent}: {error.strerror or error}; nothing is left there")


def _filled(source: Path, target: Path, words: dict[str, str]) -> list[str]:
    """Fill in every template below `source`; MODULE in a path is the name of the package."""
    files = []
    for template in sorted(p for p in source.rglob("*.in") if p.is_file()):
        place = template.relative_to(source).as_posix().removesuffix(".in").replace("MODULE", words["module"])
        path = target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
        files.append(place)
    return files


def _check_name(kind: str, name: str) -> None:
    pattern, words = _SHAPES[kind]
    if not re.fullmatch(pattern, name):
        raise ScaffoldError(f"{name!r} is no usable name for an {kind}: {words}")
    if len(name) > 40:
        raise ScaffoldError(f"{name!r} is too long a name: at most 40 characters")
    if kind == "op":
        _check_op(name)
        return
    from minigrad.optim.loading import GROUP
    from minigrad.plugins import entry_points

    for entry in entry_points.matching(GROUP, name):
        raise ScaffoldError(
            f"there is an optimizer {name!r} already, from {entry.distribution} {entry.version}, and two of one name "
            "would have to be told apart as distribution:name: choose another"
        )


def _check_distribution(distribution: str) -> None:
    """Refuse a distribution name that is installed.

    pip would take that distribution away to put the new one in its place.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version(distribution)
    except PackageNotFoundError:
        return
    raise ScaffoldError(
        f"{distribution} {installed} is installed, and a plugin of this name would replace it: choose another name"
    )


def _check_op(name: str) -> None:
    import minigrad
    from minigrad.core import REGISTRY

    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        raise ScaffoldError(f"{name!r} is a word of Python: choose another name for the op")
    if name in _WORDS_IN_TEMPLATE:
        raise ScaffoldError(f"{name!r} means something else in the files of a plugin: choose another name for the op")
    if REGISTRY.get(name) is not None or name in dir(minigrad):
        raise ScaffoldError(f"minigrad has {name!r} already: choose another name for the op")
