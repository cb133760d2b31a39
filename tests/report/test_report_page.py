"""The report: one page, all text escaped, nothing fetched, and charts whose points lie where they should."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Literal, cast

import attrs
import pytest

from minigrad import data, nn
from minigrad.cli import main
from minigrad.diagnosis import Diagnosis, Doctor, Finding
from minigrad.report import write_report
from minigrad.train import Check, Epoch, History, fit

EVIL = "<script>alert(1)</script>\"'&"


class Tags(HTMLParser):
    """Collects tags, attributes and whether they close in order."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


@pytest.fixture(scope="module")
def page() -> str:
    doctor = Doctor()
    with nn.seeded(0):
        model = nn.mlp(64, [16], 10)
    history = fit(model, data.load("digits").scaled(), epochs=3, lr=0.01, callbacks=[doctor], quiet=True)
    return write_report(history, doctor.diagnosis, title=f"run {EVIL}", command=f"minigrad train --data {EVIL}")


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(page: str) -> None:
    tags = read(page)
    assert not tags.names & {"script", "link", "img", "iframe", "object", "use"}
    assert not [a for a in tags.attributes if a[0] == "src" or a[0].startswith("on")]
    assert all((value or "").startswith("data:image/png;base64,") for name, value in tags.attributes if name == "href")
    assert "http" not in page.replace("http-equiv", "")
    assert "url(" not in page
    assert "@import" not in page
    assert "prefers-color-scheme:dark" in page
    assert 'name="viewport"' in page


def test_the_page_says_what_the_run_was(page: str) -> None:
    for text in ("Diagnosis", "No fault found", "Checks before training", "ln 10", "Update over weight", "Gradient",
                 "Best epoch", "optimizer", "adam", "To repeat this run", "Environment"):  # fmt: skip
        assert text in page, text
    assert page.count("<svg") >= 4
    assert page.count("<figcaption>") == page.count("</figure>") >= 7


def test_every_text_is_escaped(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    history = History(config={f"k{EVIL}": f"v{EVIL}"}, stopped=EVIL, epochs=[Epoch(1, 1.0, 2.0, 0.5, 0.4, 1.0)])
    finding = Finding("FAULT", EVIL, EVIL, {EVIL: 1.0}, EVIL, (EVIL,))
    kind: Literal["FAULT"] = cast(
        'Literal["FAULT"]', f'x"><img src=x onerror={EVIL}'
    )  # what a rule of a plugin may say
    findings = (finding, attrs.evolve(finding, kind=kind))
    status: Literal["ok"] = cast('Literal["ok"]', f'" onclick="{EVIL}')
    history.checks.append(Check(EVIL, status, EVIL, None, None, 0.0))
    found = Diagnosis(findings, ((finding, EVIL),), (EVIL,), (EVIL,))
    made = write_report(history, found, title=EVIL, command=EVIL)
    assert "<script" not in made
    tags = read(made)
    assert "img" not in tags.names
    assert not [name for name, _ in tags.attributes if name.startswith("on") or name == "src"]


def test_a_browser_is_told_to_fetch_and_run_nothing(page: str) -> None:
    tags = read(page)
    (policy,) = [value for name, value in tags.attributes if name == "content" and value and "default-src" in value]
    assert ("http-equiv", "Content-Security-Policy") in tags.attributes
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "script-src" not in rules
    assert page.index("Content-Security-Policy") < page.index("<style"), "it holds for what follows it"


def test_train_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", "iris", "--epochs", "6", "--hidden", "8", "--no-checks"]) == 0
    made = (tmp_path / "runs" / "0001-iris" / "report.html").read_text()
    assert "minigrad train --data iris --epochs 6 --hidden 8 --no-checks" in made
    out = capsys.readouterr().out
    assert "report.html" in out
    assert "diagnosis  learning rate" in out
    assert (tmp_path / "runs" / "0001-iris" / "diagnosis.json").exists()


def test_strict_exits_with_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bad = ["train", "--data", "iris", "--epochs", "8", "--lr", "1e-7", "--no-checks"]
    assert main([*bad, "--strict"]) == 3
    assert main(bad) == 0
    assert main([*bad, "--strict", "--without", "LR_LOW,NO_LEARNING,UNDERFIT"]) == 0
