"""What is said of a release in several places agrees, and the release check sees what differs."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

import minigrad
from support.house_sources import ROOT
from tools.release import differences, versions_that_differ

ABOUT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in ABOUT
    assert ABOUT["dynamic"] == ["version"]
    assert importlib.metadata.version("minigrad") == minigrad.__version__
    cited = re.search(r"^version: (.*)$", (ROOT / ".github/CITATION.cff").read_text(), re.M)
    assert cited is not None
    assert cited[1] == minigrad.__version__
    assert f"## {minigrad.__version__}" in (ROOT / ".github/CHANGELOG.md").read_text()


def test_the_project_says_what_it_is_and_is_owned_by_whom_it_is() -> None:
    assert not {"authors", "urls"} & ABOUT.keys()
    assert len(ABOUT["keywords"]) >= 5
    versions = {c.rpartition(" ")[2] for c in ABOUT["classifiers"] if re.search(r"Python :: 3\.\d+$", c)}
    assert versions == {"3.11", "3.12", "3.13"}
    assert ABOUT["requires-python"] == ">=3.11"


@pytest.mark.parametrize("extra", ["docs", "shell"])
def test_development_has_every_extra_that_tests_need(extra: str) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert extra in ABOUT["optional-dependencies"]
    assert extra in re.findall(r"\w+", groups["dev"][0])


def test_archives_that_differ_or_lack_are_named(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "same.whl").write_bytes(b"1")
        (folder / "other.whl").write_bytes(folder.name.encode())
    (first / "only.whl").write_bytes(b"")
    assert differences(first, second) == ["only.whl", "other.whl"]
    wheel = f"minigrad-{minigrad.__version__}-py3-none-any.whl"
    assert f"no archive {wheel}" in versions_that_differ(sorted(first.iterdir()))
    (first / wheel).write_bytes(b"")
    assert f"no archive {wheel}" not in versions_that_differ(sorted(first.iterdir()))
