"""`pytest --minigrad-optimizer NAME`: the law kit on an installed optimizer.

Loaded by pytest, so it imports little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from minigrad.optim.testing import Law

__all__ = ["LawItem", "pytest_addoption", "pytest_collection_modifyitems"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("minigrad").addoption(
        "--minigrad-optimizer",
        action="append",
        default=[],
        metavar="NAME",
        help="check an installed optimizer against the laws it has to keep (may be repeated)",
    )


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add one item for each law of each named optimizer."""
    for name in config.getoption("--minigrad-optimizer"):
        from minigrad.core.errors import MinigradError
        from minigrad.optim.loading import inspected
        from minigrad.optim.testing import laws_of_class

        try:
            cls = inspected(name)
        except MinigradError as error:
            raise pytest.UsageError(str(error)) from None
        items.extend(
            LawItem.from_parent(session, name=f"{name}-{law.key}-seed{law.seed}", law=law)
            for law in laws_of_class(cls, range(3))
        )


class LawItem(pytest.Item):
    """A law as a test of its own."""

    def __init__(self, *, law: Law, name: str, parent: pytest.Session) -> None:
        super().__init__(name, parent)
        self.law = law

    def runtest(self) -> None:
        """Check the law."""
        self.law()

    def reportinfo(self) -> tuple[str, None, str]:
        """What to show in the report."""
        return "minigrad.optim.laws", None, self.name
