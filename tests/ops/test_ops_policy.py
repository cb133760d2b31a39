"""What functions answer at zeros, infinities, NaN and the ends of the range.

As is written, and nowhere worse than PyTorch or JAX.
"""

from __future__ import annotations

import pytest

pytest.importorskip("mpmath", reason="the right answers are computed with mpmath")
pytest.importorskip(
    "minigrad_special", reason="minigrad-special is not installed: pip install ./plugins/minigrad-special"
)

from support import policy_table
from support.policy_peers import NUMBERS

STORED = policy_table.load()


def test_answers_are_those_of_the_table() -> None:
    now, written = policy_table.ask_minigrad(), STORED["minigrad"]
    assert set(now) == set(written)
    apart = [
        (name, part, number, now[name][k][i], written[name][k][i])
        for name in now
        for k, part in enumerate(("value", "slope"))
        for i, number in enumerate(NUMBERS)
        if not policy_table.agree(now[name][k][i], written[name][k][i])
    ]
    assert not apart


def test_no_answer_is_worse_than_that_of_pytorch_or_jax() -> None:
    worse = [d for d in policy_table.differences(STORED) if d.reason == "worse"]
    assert not worse


def test_an_answer_that_is_worse_is_seen() -> None:
    broken = {library: dict(answers) for library, answers in STORED.items()}
    values, slopes = broken["minigrad"]["exp"]
    broken["minigrad"]["exp"] = [values, ["nan", *slopes[1:]]]
    assert any(d.function == "exp" and d.reason == "worse" for d in policy_table.differences(broken))


def test_the_page_is_that_of_the_table() -> None:
    assert policy_table.PAGE.read_text() == policy_table.page(STORED)


@pytest.mark.parametrize("name", ["sigmoid", "log", "gelu"])
def test_the_right_answers_are_mpmath_s(name: str) -> None:
    function = next(f for f in policy_table.TRIED if f.name == name)
    right = [policy_table._right(function, x) for x in NUMBERS]
    assert [[policy_table._text(r[k]) for r in right] for k in (0, 1)] == STORED["right"][name]
