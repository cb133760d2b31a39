"""Many writers of one file: each load meets an old or a new one, whole, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigrad import checkpoint, nn
from minigrad.checkpoint import CheckpointError, files
from minigrad.checkpoint.contents import Contents, read, write

posix = pytest.mark.skipif(os.name != "posix", reason="forks, links and locks of POSIX")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is not what these tests ask about."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def one_sized(size: int) -> Contents:
    """Contents whose parts must be of one writer: the size is in the names, in the numbers and in `about`."""
    return Contents({f"w{size}": np.full(size, size, np.float32)}, {"size": size})


def check_whole(contents: Contents) -> int:
    size = contents.about["size"]
    assert isinstance(size, int)
    assert np.array_equal(contents.tensors[f"w{size}"], np.full(size, size, np.float32))
    return size


WRITER = """
import sys
from pathlib import Path
import numpy as np
from minigrad.checkpoint.contents import Contents, write
path, size, times = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for _ in range(times):
    write(path, Contents({f"w{size}": np.full(size, size, np.float32)}, {"size": size}))
"""


def writers(path: Path, sizes: list[int], times: int) -> list[subprocess.Popen[bytes]]:
    return [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(size), str(times)], stderr=subprocess.PIPE)
        for size in sizes
    ]


def two_writers(path: Path, times: int) -> None:
    write(path, one_sized(7))
    running = writers(path, [30_000, 70_000], times)
    sizes, loads = set(), 0
    while any(p.poll() is None for p in running):
        sizes.add(check_whole(read(path)))
        loads += 1
    for process in running:
        assert process.communicate()[1] == b""
        assert process.returncode == 0
    assert loads > 5
    assert sizes >= {7}
    assert check_whole(read(path)) in (30_000, 70_000)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_two_processes_save_to_one_path(tmp_path: Path) -> None:
    two_writers(tmp_path / "c", 15)


@pytest.mark.soak
def test_two_processes_save_to_one_path_for_long(tmp_path: Path) -> None:
    two_writers(tmp_path / "c", 3000)


@pytest.mark.usefixtures("quick")
def test_threads_save_to_one_path(tmp_path: Path) -> None:
    path = tmp_path / "c"
    with ThreadPoolExecutor(6) as pool:
        for _ in pool.map(lambda k: write(path, one_sized(1000 + k)), range(120)):
            check_whole(read(path))
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


@posix
def test_a_writer_that_is_killed_leaves_the_old_file_and_its_part_goes_with_the_next_save(tmp_path: Path) -> None:
    path = tmp_path / "c"
    write(path, one_sized(7))
    (writer,) = writers(path, [600_000], 1000)
    while not list(tmp_path.glob(".c.*.part")):
        assert writer.poll() is None, writer.communicate()
        time.sleep(0.001)
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    check_whole(read(path))
    write(path, one_sized(9))
    assert check_whole(read(path)) == 9
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


@posix
@pytest.mark.usefixtures("quick")
def test_the_part_of_a_writer_at_work_stays(tmp_path: Path) -> None:
    path = tmp_path / "c"
    file, part = files._create_part(path)
    with file:
        write(path, one_sized(3))
        assert part.exists()
    write(path, one_sized(3))
    assert not part.exists()


@posix
@pytest.mark.usefixtures("quick")
def test_planted_links_and_folders_are_neither_followed_nor_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = tmp_path / "c"
    tokens = iter(["link", "hard", "folder", "free"])
    monkeypatch.setattr("secrets.token_hex", lambda n: next(tokens))
    for name in (".c.part", ".c.link.part"):
        (tmp_path / name).symlink_to(victim)
    os.link(victim, tmp_path / ".c.hard.part")
    (tmp_path / ".c.folder.part").mkdir()
    write(path, one_sized(3))
    assert victim.read_text() == "mine"
    assert not path.is_symlink()
    assert check_whole(read(path)) == 3


@posix
@pytest.mark.usefixtures("quick")
def test_names_as_long_as_the_system_allows(tmp_path: Path) -> None:
    for name in ("x" * 255, "\u00e4" * 127, "\U0001f600" * 63, ".", "a b\n\t'\"", "\udcff"):
        if name == ".":
            with pytest.raises(CheckpointError):
                write(tmp_path / name, one_sized(3))
            continue
        write(tmp_path / name, one_sized(3))
        assert check_whole(read(tmp_path / name)) == 3
        (tmp_path / name).unlink()


@posix
@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "folder"])
def test_pipes_devices_and_folders_are_not_replaced(kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link to a pipe").symlink_to(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="not a file"):
        write(tmp_path / kind, one_sized(3))
    assert len(list(tmp_path.iterdir())) == 3


@posix
def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write(tmp_path / "c", one_sized(3))
    finally:
        os.umask(old)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o644


@posix
@pytest.mark.usefixtures("quick")
def test_a_folder_that_cannot_be_synced_is_no_loss_and_the_message_says_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c"
    write(path, one_sized(3))

    def fails(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "_sync_folder", fails)
    with pytest.raises(CheckpointError, match="is in place, but the folder could not be synced"):
        write(path, one_sized(4))
    assert check_whole(read(path)) == 4


@posix
@pytest.mark.usefixtures("quick")
def test_a_child_that_was_forked_while_a_file_was_written_does_not_keep_its_part_alive(tmp_path: Path) -> None:
    file, part = files._create_part(tmp_path / "c")
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    file.close()
    write(tmp_path / "c", one_sized(3))
    assert not part.exists()


def test_models_of_two_trainings_are_never_mixed(tmp_path: Path) -> None:
    path = tmp_path / "c"
    models = [nn.mlp(20, [10 + k], 3, rng=k) for k in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for _ in pool.map(lambda k: checkpoint.save(path, models[k % 3]), range(24)):
            saved = checkpoint.load(path)
            assert any(not saved._model_differences(model) for model in models)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="Ctrl-C is for the main thread")
def test_a_ctrl_c_as_the_part_appears_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "best"
    path.write_bytes(b"old")

    def interrupted(*args: Any) -> Any:
        file = open(*args)  # noqa: SIM115 - the caller closes it
        signal.raise_signal(signal.SIGINT)
        return file

    monkeypatch.setattr(files, "open", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        files.replace(path, [b"new"])
    assert [p.name for p in tmp_path.iterdir()] == ["best"]
    assert path.read_bytes() == b"old"
