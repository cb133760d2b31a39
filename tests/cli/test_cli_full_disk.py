"""A disk that is full: one line that names the file, exit code 1, and what was there before is there still."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minigrad import checkpoint, nn
from minigrad.charts import Line, LineChart, Picture
from minigrad.train import TrainError
from minigrad.train.output.written_file import write_file
from support.cli_calls import code_of

resource = pytest.importorskip("resource")


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Files may not grow beyond `size` bytes: the system refuses more in the middle of a file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


COMMANDS: dict[str, list[str]] = {
    "docs": ["docs", "--picture", "paths-valley", "--out", "here.svg"],
    "new": ["new", "optimizer", "mine", "--out", "plugins"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_names_what_it_could_not_write(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    chart = LineChart(lines=(Line("a", [0.0, 1.0], [0.0, 1.0], 0),), ylabel="y")
    monkeypatch.setattr(
        "minigrad.cli.manual.docs.draw_picture", lambda _: Picture(name="paths", title="Paths", plots=(chart,))
    )
    Path("here.svg").write_text("as before")
    with no_file_beyond(300):
        assert code_of(*COMMANDS[name]) == 1
    said = capsys.readouterr().err.strip()
    assert "File too large" in said
    assert COMMANDS[name][-1] in said
    assert "Error: " in said
    assert len(said.splitlines()) == 1
    files = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert files == ["here.svg"]
    assert Path("here.svg").read_text() == "as before"
    assert code_of(*COMMANDS[name]) == 0  # once there is room, nothing is in the way


def test_a_file_is_written_whole_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    write_file(path, "ä" * 50)
    assert path.read_bytes() == "ä".encode() * 50
    with (
        no_file_beyond(60),
        pytest.raises(TrainError, match=r"table\.txt: cannot be written \(File too large\)\. Make"),
    ):
        write_file(path, [b"x" * 50, b"y" * 50])
    assert path.read_bytes() == "ä".encode() * 50
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(TrainError, match="No such file or directory"):
        write_file(tmp_path / "nowhere" / "a", "")
    with pytest.raises(TrainError, match="is not the name of a file"):
        write_file(Path(), "")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system of some kilobytes, which takes an administrator's rights."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = 0

    def mount(kilobytes: int) -> Path:
        nonlocal mounted
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("a file system of its own cannot be mounted here")
        mounted += 1
        return place

    yield mount
    for _ in range(mounted):
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.soak
@pytest.mark.parametrize("kilobytes", [8, 24, 80, 100, 130, 180, 240, 300])
def test_a_run_on_a_disk_of_any_size(
    kilobytes: int, disk: Callable[[int], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = disk(kilobytes)
    words = ["train", "--data", "digits", "--hidden", "32", "--epochs", "2", "--no-checks", "--out", str(folder)]
    code = code_of(*words)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("minigrad: ")]
    if code == 0:
        assert not said
        return
    assert code == 1
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert str(folder) in said[0]
    assert not list(folder.rglob("*.part"))
    saved = list(folder.rglob("checkpoint.safetensors"))
    assert all(checkpoint.load(p).model for p in saved)


@pytest.mark.soak
def test_a_checkpoint_beside_which_there_is_no_room(disk: Callable[[int], Path]) -> None:
    path = disk(64) / "c"
    model = nn.mlp(20, [100], 10, rng=0)
    checkpoint.save(path, model)
    before = path.read_bytes()
    with pytest.raises(checkpoint.CheckpointError, match=r"No space left on device.*the one before it is still there"):
        checkpoint.save(path, nn.mlp(20, [900], 10, rng=0))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["c"]
