"""`pytest --minigrad-ops[=NAME,...]`: the deep check of every registered op.

Loaded by pytest, so it imports little.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from minigrad.core.op import Op

__all__ = ["OpItem", "RefusedItem", "pytest_addoption", "pytest_collection_modifyitems"]

_ALL = "*"
_SEEDS = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("minigrad")
    group.addoption(
        "--minigrad-ops",
        nargs="?",
        const=_ALL,
        metavar="NAME,...",
        help="run the gate again over registered ops, those of plugins too, and mutate their rules; default all. Write "
        "--minigrad-ops=NAME with '=', or a path after it would be taken for the name",
    )
    group.addoption("--minigrad-seeds", type=int, default=_SEEDS, metavar="N", help="how often for each op; default 3")


@pytest.hookimpl(tryfirst=True)  # before -k selects
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add one item for each op, and one for each that was refused when its plugin was loaded.

    In the folder of a plugin, without names, these are the plugin's own.
    """
    pattern = config.getoption("--minigrad-ops")
    if pattern is None:
        return
    from minigrad.api import register_all
    from minigrad.core.errors import nearest
    from minigrad.core.registry import REGISTRY
    from minigrad.ops.plugins import load_all

    register_all()
    plugins = load_all()
    own = [plugin for plugin in plugins if _normal(plugin.entry.distribution) == _project(config.rootpath)]
    ops = {op.name: op for op in REGISTRY}
    every = sorted(name for plugin in own for name in plugin.ops) if own else sorted(ops)
    refused = {name: why for plugin in plugins for name, why in plugin.refused.items()}
    names = every if pattern == _ALL else [n.strip() for n in pattern.split(",") if n.strip()]
    for name in names:
        if name not in ops and name not in refused:
            raise pytest.UsageError(f"--minigrad-ops: there is no op {name!r}.{nearest(name, ops)}")
    refusals = [refused[n] for n in names if n not in ops]
    if pattern == _ALL:
        refusals += [why for plugin in own or plugins for why in plugin.refusals]
    names = [n for n in names if n in ops]
    seeds = config.getoption("--minigrad-seeds")
    items.extend(OpItem.from_parent(session, name=f"op-{n}", op=ops[n], seeds=seeds) for n in names)
    items.extend(RefusedItem.from_parent(session, name=f"refused-{k}", why=r) for k, r in enumerate(refusals))


def _project(root: Path) -> str:
    """The name of the distribution whose folder tests are run in, or an empty text."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text()).get("project", {})
    except (OSError, tomllib.TOMLDecodeError):
        return ""
    return _normal(str(project.get("name", "")))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class OpItem(pytest.Item):
    """The deep check of one op, as a test of its own."""

    def __init__(self, *, op: Op, seeds: int, name: str, parent: pytest.Session) -> None:
        super().__init__(name, parent)
        self.op, self.seeds = op, seeds

    def runtest(self) -> None:
        """Fail with the refusals, or with the mutants that survived."""
        from minigrad.verify.mutation import mutation_check

        report = mutation_check(self.op, range(self.seeds))
        wrong = [*report.failures]
        wrong += [f"a mutant survives: {o.mutation!r}, argument {o.argument!r}, seed {o.seed}" for o in report.survived]
        if wrong:
            pytest.fail(f"op {report.op!r} of {report.module}:\n" + "\n".join(wrong), pytrace=False)

    def reportinfo(self) -> tuple[str, None, str]:
        """What to show in the report."""
        return self.op.module, None, self.name


class RefusedItem(pytest.Item):
    """An op that its plugin offers and the gate does not let in: fails with the refusal."""

    def __init__(self, *, why: str, name: str, parent: pytest.Session) -> None:
        super().__init__(name, parent)
        self.why = why

    def runtest(self) -> None:
        """Fail."""
        pytest.fail(self.why, pytrace=False)

    def reportinfo(self) -> tuple[str, None, str]:
        """What to show in the report."""
        return "minigrad.ops.plugins", None, self.name
