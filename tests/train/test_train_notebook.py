"""What a notebook shows of a run, a data set, a model, a program: HTML, with every text in it escaped."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn
from minigrad.core.registry import REGISTRY
from minigrad.diagnosis import Diagnosis, Finding
from minigrad.train import fit

EVIL = "<script>&"


@mg.define
def double(x: mg.Tensor) -> mg.Tensor:
    return x * 2.0


def trained() -> object:
    return fit(nn.mlp(4, [3], 3, rng=0), data.load("iris").scaled(), epochs=2, checks=False, quiet=True, metrics=["f1"])


def program() -> object:
    double(mg.tensor(np.ones(3)))
    return double


SHOWN: dict[str, tuple[Callable[[], object], str]] = {
    "history": (trained, "best epoch"),
    "data set": (lambda: data.load_table({"a<b": list(range(30)) * 2, "y": ["p", "q&"] * 30}), "a&lt;b"),
    "diagnosis": (lambda: Diagnosis((Finding("NOTE", "X", "", {}, EVIL, ()),)), "&lt;script&gt;&amp;"),
    "summary": (lambda: nn.mlp(4, [3], 3, rng=0).summary(np.ones((2, 4), np.float32)), "parameters"),
    "program": (program, "double"),
    "certificate": (lambda: REGISTRY["exp"].certificate, "cases against differences"),
}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_notebook_shows_it(kind: str) -> None:
    make, wanted = SHOWN[kind]
    html: str = make()._repr_html_()  # type: ignore[attr-defined]
    assert wanted in html
    assert EVIL not in html
    ElementTree.fromstring(f"<div>{html}</div>")
    if kind == "history":
        assert html.count("<svg") == 2
        assert "f1 0." in html or "f1 1" in html
