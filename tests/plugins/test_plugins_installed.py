"""Distributions found by looking into folders are those that `importlib.metadata` finds."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

from minigrad.plugins.entry_points import Entry, _scan
from minigrad.plugins.installed import Metadata, _Folder, installed
from support.optim_dists import GOOD, install

ENTRY_POINTS = "[minigrad.optimizers]\nzipped = rule:Rule\n"


def read(found: list[Metadata]) -> list[tuple[str | None, str | None]]:
    return [(d.read_text("METADATA"), d.read_text("entry_points.txt")) for d in found]


def test_the_folders_of_this_environment_are_read_alike() -> None:
    ours = list(installed(sys.path))
    assert all(isinstance(d, _Folder) for d in ours)
    assert len(ours) > 5
    assert sorted(map(str, read(ours))) == sorted(map(str, read(list(distributions(path=sys.path)))))


def test_order_missing_folders_and_damage(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    install(first, "twice", {"a": "m:A"}, {"m": GOOD})
    install(second, "Twice", {"a": "m:Late", "b": "m:B"}, {"m": GOOD}, version="2.0")
    install(second, "damaged", {"c": "m:C"}, {})
    (second / "damaged-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe")
    (second / "nameless-1.0.dist-info").mkdir()
    (second / "nameless-1.0.dist-info" / "entry_points.txt").write_text("[minigrad.optimizers]\nd = m:D\n")
    (second / "old-1.0.egg-info").write_text("Name: old\n")
    scan = _scan("minigrad.optimizers", (str(tmp_path / "nowhere"), str(first), str(second)), "")
    assert scan.entries == (Entry("a", "twice", "1.0", "m:A"), Entry("d", "?", "?", "m:D"))
    assert len(scan.problems) == 1
    assert "damaged-1.0.dist-info cannot be read: UnicodeDecodeError" in scan.problems[0]


def test_archives_and_finders_of_their_own_are_asked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "packages.zip"
    with ZipFile(archive, "w") as file:
        file.writestr("zipped-3.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\nVersion: 3.0\n")
        file.writestr("zipped-3.0.dist-info/entry_points.txt", ENTRY_POINTS)
    assert _scan("minigrad.optimizers", (str(archive),), "").entries == (Entry("zipped", "zipped", "3.0", "rule:Rule"),)

    class Finder:
        @staticmethod
        def find_distributions(context: object) -> list[object]:
            return []

        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            return None

    assert [type(d) for d in installed([str(tmp_path)])] == []
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    monkeypatch.setattr("importlib.metadata.distributions", lambda path: [f"asked for {len(path)}"])
    assert [str(d) for d in installed([str(tmp_path)])] == ["asked for 1"]


def test_a_first_optimizer_imports_neither_metadata_nor_what_few_need() -> None:
    code = (
        "import sys, minigrad as mg; before = set(sys.modules)\n"
        "mg.optimizer('adam', [mg.tensor([1.0], requires_grad=True)])\n"
        "heavy = {'importlib.metadata', 'email', 'zipfile', 'queue', 'minigrad.optim.schedules'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
