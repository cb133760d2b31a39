"""Runs from elsewhere: nothing in them is executed unasked or trusted as an option; one process writes to a folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from minigrad import train
from minigrad.checkpoint.contents import Contents, Json, as_object, read, write
from minigrad.train.output.model_file import model_bytes, read_model
from minigrad.train.output.origin import Untrusted
from minigrad.train.output.run_lock import FolderInUse, folder_lock
from support.cli_calls import code_of

SCRIPT = """\
from pathlib import Path
from minigrad import nn
Path({mark!r}).touch()
model, data, loss, epochs = nn.mlp(4, [3], 3, rng=0), "iris", "softmax", 1
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minigrad.train.output.run_folder.run_pictures", lambda *_, **__: [])


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder whose checkpoint, configuration, model file and copy all lead to a script that was never run here."""
    Path("own.py").write_text(SCRIPT.format(mark=str(tmp_path / "own")))
    assert code_of("run", "own.py", "--no-checks") == 0
    folder = Path("runs/0001-own")
    Path("own").unlink()
    other = (tmp_path / "other.py").absolute()
    other.write_text(SCRIPT.format(mark=str(tmp_path / "executed")))
    shutil.copy(other, folder / "script.py")
    contents = read(folder / "checkpoint.safetensors")
    as_object(as_object(contents.about["about"])["command"])["script"] = str(other)
    write(folder / "checkpoint.safetensors", contents)
    weights, about = read_model(folder / "best.safetensors")
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    about = json.loads(json.dumps(about))
    about["model"]["sha256"] = digest
    (folder / "best.safetensors").write_bytes(model_bytes(weights, about))
    return folder


@pytest.mark.parametrize(
    "words", [["run", "--resume"], ["show"], ["check"], ["lr-find"], ["predict"], ["evaluate"], ["serve"]]
)
def test_the_script_of_a_run_from_elsewhere_is_named_and_not_executed(
    words: list[str], foreign: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*words, str(foreign), *(["rows.csv"] if words[0] in ("predict", "evaluate") else [])]
    assert code_of(*command) == 1
    said = capsys.readouterr().err
    assert "Untrusted" in said
    assert "--trust" in said
    assert ("other.py" if words[0] == "run" else "script.py") in said
    assert not Path("executed").exists()


def test_with_trust_it_is_executed_and_said(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("run", "--resume", str(foreign), "--epochs", "2", "--trust", "--no-checks") == 0
    assert "other.py (of " in capsys.readouterr().out
    assert Path("executed").exists()


def test_in_python_the_caller_decides(foreign: Path) -> None:
    with pytest.raises(Untrusted, match=r"script\.py .*--trust"):
        train.load(foreign, trust=False)
    assert not Path("executed").exists()
    train.load(foreign)
    assert Path("executed").exists()


def test_a_run_of_ones_own_goes_on_unasked_also_after_a_move(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.py").write_text(SCRIPT.format(mark="own"))
    assert code_of("run", "own.py", "--no-checks") == 0
    shutil.move("runs/0001-own", "elsewhere")
    assert code_of("run", "--resume", "elsewhere", "--epochs", "2") == 0
    assert f"script     {Path('own.py').resolve()} (of " in capsys.readouterr().out
    assert code_of("show", "elsewhere") == 0


def test_a_run_begun_by_another_user_is_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own.py").write_text(SCRIPT.format(mark="own"))
    assert code_of("run", "own.py", "--no-checks") == 0
    monkeypatch.setattr(os, "getuid", lambda: 4_321)
    assert code_of("run", "--resume", "runs/0001-own", "--epochs", "2") == 1


HOSTILE: list[dict[str, Json]] = [
    {"hidden": "x"}, {"hidden": ["a"]}, {"hidden": {"a": 1}}, {"hidden": [None]}, {"hidden": [-1]}, {"data": None},
    {"data": 5}, {"data": ["iris"]}, {"optimizer": 5}, {"optimizer": None}, {"l2": "a"}, {"l2": None}, {"schedule": 5},
    {"schedule": "nope"}, {"epochs": "3"}, {"epochs": True}, {"epochs": 1.5}, {"epochs": -3}, {"batch_size": None},
    {"seed": 1e99}, {"metrics": "f1"}, {"target": 5}, {"model": "nope"}, {"eager": "yes"},
    {"eager": None}, {"hyperparameters": 3}, {"hyperparameters": {"beta1": [1]}}, {"lr": "fast"}, {"lr": {}},
    {"clip": "x"}, {"accumulate": 0}, {"warmup": -1}, {"patience": "x"}, {"save_every": []}, {"out": 7},
]  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minigrad.train.output.run_folder.run_pictures", lambda *_, **__: [])
        assert code_of("train", "--data", "iris", "--epochs", "1", "--no-checks", "--out", str(out)) == 0
    return out / "0001-iris"


@pytest.mark.parametrize("changed", HOSTILE, ids=repr)
def test_saved_options_are_looked_at_like_those_of_a_command_line(
    changed: dict[str, Json], plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(plain, folder)
    contents = read(folder / "checkpoint.safetensors")
    as_object(as_object(contents.about["about"])["command"]).update(changed)
    write(folder / "checkpoint.safetensors", Contents(contents.tensors, contents.about))
    config = json.loads((folder / "config.json").read_text())
    config["command"].update(changed)
    (folder / "config.json").write_text(json.dumps(config))
    for words in (["train", "--resume"], ["check"]):
        assert code_of(*words, str(folder)) == 1, words
        line = capsys.readouterr().err
        assert line.startswith(("minigrad: CheckpointError: ", "minigrad: TrainError: ")), line
        assert next(iter(changed)) in line
        assert len(line) < 300


def test_saved_fields_that_are_no_options_change_nothing(plain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(plain, folder)
    contents = read(folder / "checkpoint.safetensors")
    extra: dict[str, Json] = {"parser": "x", "work": "os:system", "given": 5, "json": "yes", "help": 1, "resume": 3}
    as_object(as_object(contents.about["about"])["command"]).update(extra)
    write(folder / "checkpoint.safetensors", contents)
    assert code_of("train", "--resume", str(folder), "--epochs", "2") == 0


class TestOneWriter:
    """The lock of a run's folder."""

    def test_a_second_process_is_told_who_writes(self, plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
        hold = (
            "import sys; from pathlib import Path; from minigrad.train.output.run_lock import folder_lock\n"
            f"with folder_lock(Path({str(plain)!r})): print('locked', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
            assert owner.stdout is not None
            owner.stdout.readline()
            before = (plain / "checkpoint.safetensors").read_bytes()
            assert code_of("train", "--resume", str(plain), "--epochs", "2") == 1
            said = capsys.readouterr().err
            assert f"in use by process {owner.pid} on " in said
            assert (plain / "checkpoint.safetensors").read_bytes() == before
            owner.kill()
        assert (plain / ".lock").exists(), "a killed process leaves its file behind"
        with folder_lock(plain):
            assert json.loads((plain / ".lock").read_text())["process"] == os.getpid()
        assert not (plain / ".lock").exists()

    @pytest.mark.parametrize("left", [b"", b"{", b"[1]", b'{"process": 1}', b"\xff" * 10_000, b"[" * 5_000])
    def test_a_stale_lock_is_taken_over_whatever_it_says(self, left: bytes, tmp_path: Path) -> None:
        (tmp_path / ".lock").write_bytes(left)
        with folder_lock(tmp_path), pytest.raises(FolderInUse, match=f"process {os.getpid()}"), folder_lock(tmp_path):
            pass

    def test_no_link_is_followed_and_nothing_but_a_file_opened(self, tmp_path: Path) -> None:
        victim, folder = tmp_path / "victim", tmp_path / "run"
        victim.write_text("as it was")
        folder.mkdir()
        (folder / ".lock").symlink_to(victim)
        with pytest.raises(train.TrainError, match="cannot be locked"), folder_lock(folder):
            pass
        assert victim.read_text() == "as it was"
        (folder / ".lock").unlink()
        (folder / ".lock").mkdir()
        with pytest.raises(train.TrainError, match="cannot be locked"), folder_lock(folder):
            pass
        with pytest.raises(train.TrainError, match="cannot be locked"), folder_lock(tmp_path / "nowhere"):
            pass

    def test_of_many_threads_one_has_it_at_a_time(self, tmp_path: Path) -> None:
        inside, most, refused = [0], [0], [0]

        def work() -> None:
            for _ in range(200):
                try:
                    with folder_lock(tmp_path):
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                        inside[0] -= 1
                except FolderInUse:
                    refused[0] += 1

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == [1]
        assert refused[0] < 1_200
