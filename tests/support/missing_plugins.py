"""What the plugins of this workspace offer, for tests that want one."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from minigrad.optim.errors import UnknownOptimizer

PLUGINS = Path(__file__).parents[2] / "plugins"


def is_installed(distribution: str) -> bool:
    """Whether a distribution is installed here."""
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def needs(*distributions: str) -> pytest.MarkDecorator:
    """A mark: the test is skipped where one of these plugins is not installed."""
    missing = [d for d in distributions if not is_installed(d)]
    return pytest.mark.skipif(bool(missing), reason=" and ".join(map(how_to_get, missing)))


def how_to_get(distribution: str) -> str:
    """Where a plugin of this workspace comes from."""
    return f"{distribution} is not installed: pip install ./plugins/{distribution}"


def missing_offers(root: Path = PLUGINS) -> dict[str, str]:
    """Name of an optimizer or command -> the plugin, not installed, that offers it."""
    offers: dict[str, str] = {}
    for path in sorted(root.glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text())["project"]
        groups = project.get("entry-points", {})
        if not is_installed(project["name"]):
            for group in ("minigrad.optimizers", "minigrad.commands"):
                offers |= dict.fromkeys(groups.get(group, {}), project["name"])
    return offers


def missing_plugin(error: BaseException) -> str | None:
    """The plugin for want of which minigrad refused a name; None if that is not what happened."""
    message = str(error)
    if isinstance(error, UnknownOptimizer):
        name = re.match(r"there is no optimizer '([^']+)'", message)
    elif isinstance(error, ImportError):
        name = re.match(r"\S+ belongs to the command '([^']+)' now", message)
    else:
        return None
    return missing_offers().get(name[1]) if name else None
