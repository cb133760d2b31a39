"""`minigrad new`: what it writes is sound for any name it accepts; what it does not accept leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from minigrad.cli import main
from minigrad.cli.new import ScaffoldError, scaffold
from minigrad.core import REGISTRY
from minigrad.optim import available
from support.missing_plugins import needs

LONG = {"optimizer": "a-" + "long" * 9 + "-2", "op": "a_" + "long" * 9 + "_2"}


def installed(folder: Path) -> dict[str, str]:
    """The environment in which a generated plugin is installed, as an editable install would leave it."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / "src" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return {**os.environ, "PYTHONPATH": str(folder / "src")}


def run(folder: Path, environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("kind", "name"), [("optimizer", "slow-start"), ("op", "smooth_step")])
def test_a_fresh_plugin_passes_its_own_tests(kind: str, name: str, tmp_path: Path) -> None:
    assert main(["new", kind, name, "--out", str(tmp_path)]) == 0
    folder = tmp_path / f"minigrad-{name.replace('_', '-')}"
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    module = f"minigrad_{name.replace('-', '_')}"
    assert {"pyproject.toml", "README.md", f"src/{module}/py.typed", f"tests/test_{module}.py"} <= files
    environment = installed(folder)
    assert " passed" in run(folder, environment, "pytest", "-p", "no:cacheprovider")
    if kind == "optimizer":
        report = json.loads(run(folder, environment, "minigrad", "optimizers", "check", name, "--json"))
        assert (report["verdict"], report["distribution"], report["skipped"]) == ("sound", "minigrad-slow-start", 0)


@pytest.mark.parametrize("kind", ["optimizer", "op"])
@pytest.mark.parametrize("name", ["q", "long", "zz9"])
def test_the_style_is_clean_for_any_name(kind: str, name: str, tmp_path: Path) -> None:
    folder, _ = scaffold(kind, LONG[kind] if name == "long" else name, tmp_path)
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache"], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
    assert not [p for p in folder.rglob("*.py") if "$" in p.read_text()]


@needs("minigrad-modern")
@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("optimizer", "Adam", "'Adam' is no usable name for an optimizer: small letters"),
        ("optimizer", "my_rule", "single hyphens, such as my-rule"),
        ("optimizer", "-x", "no usable name"),
        ("optimizer", "x--y", "no usable name"),
        ("optimizer", "../evil", "no usable name"),
        ("optimizer", "", "no usable name"),
        ("optimizer", "x" * 41, "too long"),
        ("optimizer", "adam", r"an optimizer 'adam' already, from minigrad 0\."),
        ("optimizer", "lion", "already, from minigrad-modern"),
        ("op", "soft-clip", "such as my_op"),
        ("op", "lambda", "a word of Python"),
        ("op", "match", "a word of Python"),
        ("op", "print", "a word of Python"),
        ("op", "exp", "minigrad has 'exp' already"),
        ("op", "conv2d", "minigrad has 'conv2d' already"),
        ("op", "nn", "minigrad has 'nn' already"),
        ("op", "np", "something else in the files"),
    ],
)
def test_bad_names_are_refused_and_leave_nothing(kind: str, name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match=message):
        scaffold(kind, name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["moment", "none", "state", "need"])
def test_names_that_would_hide_what_the_file_uses_get_a_longer_class(name: str, tmp_path: Path) -> None:
    folder, _ = scaffold("optimizer", name, tmp_path)
    assert f"class {name.capitalize()}Rule:" in (folder / "src" / f"minigrad_{name}" / "rule.py").read_text()


def test_an_existing_folder_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "minigrad-mine").mkdir()
    (tmp_path / "minigrad-mine" / "precious.txt").write_text("mine")
    assert main(["new", "optimizer", "mine", "--out", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["precious.txt"]


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., int] = Path.write_text

    def full(path: Path, text: str, encoding: str) -> int:
        if path.name == "rule.py":
            raise OSError("no space left on device")
        return real(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ScaffoldError, match=r"cannot write to .*no space left on device"):
        scaffold("optimizer", "mine", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScaffoldError, match="cannot write to"):
        scaffold("optimizer", "mine", tmp_path / "file" / "below")


def test_json_and_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "op", "my_op", "--out", str(tmp_path / "new"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["folder"].endswith("minigrad-my-op")
    assert "src/minigrad_my_op/ops.py" in document["files"]
    with pytest.raises(SystemExit, match="2"):
        main(["new", "optimiser", "x"])
    assert "Did you mean optimizer?" in capsys.readouterr().err


def test_nothing_was_installed_or_registered_here() -> None:
    assert "slow-start" not in available()
    assert REGISTRY.get("smooth_step") is None
