"""Every section of the reference has each of its items, or says why not; so for whatever is registered."""

from __future__ import annotations

import re

import pytest

from minigrad.api import register_all
from minigrad.core import REGISTRY, Op
from minigrad.diagnosis import rules
from minigrad.docs.reference.findings import finding_page
from minigrad.docs.reference.ops import op_section
from minigrad.docs.reference.optimizers import optimizer_page
from minigrad.optim import available
from support.everyday import one_in

register_all()
OPS = sorted(REGISTRY, key=lambda op: op.name)


def without(section: str, *items: str) -> list[str]:
    """The items, as regular expressions, that a section has not."""
    return [item for item in items if not re.search(item, section)]


def sections(text: str, kind: str) -> dict[str, str]:
    """Title of each section of a page -> its text."""
    parts = re.split(rf"^\({kind}-[^)]*\)=\n## (.*)$", text, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("op", one_in(10, OPS, lambda op: str(op.name)))
def test_an_op_has_every_item(op: Op) -> None:
    text = op_section(op)
    assert not without(
        text, r"\| domain +\| \S", r"\| kinks +\| \S", r"\| largest error, in units in the last place +\| \S",
        r"\*\*The rule, as written\*\*\s+```", r"\*\*Certificate\*\*\s+```", "<svg|It has no picture",
    )  # fmt: skip
    assert op.module == "numpy" or "**The function on arrays**" in text
    assert (op.__doc__ or "").strip()


def test_most_ops_have_a_picture() -> None:
    moving = [op for op in OPS if op.claims.elementwise and not op.claims.piecewise_constant][::12]
    assert len(moving) >= 4
    assert not [op.name for op in moving if "<svg" not in op_section(op)]


def test_a_finding_has_every_item() -> None:
    by_code = sections(finding_page().text, "finding")
    assert len(by_code) == len(list(rules()))
    items = (
        r"\| family",
        r"\| source +\| \S",
        r"measured on held-out runs +\| \S",
        "A script that is told",
        "Its mend:\n\n```diff",
    )
    assert not {code: lacking for code, text in by_code.items() if (lacking := without(text, *items))}


@pytest.mark.soak
def test_an_optimizer_has_every_item() -> None:
    by_name = sections(optimizer_page().text, "optimizer")
    assert len(by_name) == len(available())
    items = (
        r"\| option",
        "Laws it claims: ",
        r"\*\*The rule, as written\*\*\s+```",
        "<svg|It has no picture",
        r"\S =|<-",
    )
    assert not {name: lacking for name, text in by_name.items() if (lacking := without(text, *items))}


def test_a_missing_item_is_seen() -> None:
    assert without("| kinks | none |\n", r"\| kinks +\| \S", "<svg") == ["<svg"]
    assert without("| kinks |  |\n", r"\| kinks +\| \S") == [r"\| kinks +\| \S"]
