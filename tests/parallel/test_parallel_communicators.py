"""Communicators: laws that every one must keep, and how one is found."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from minigrad import parallel
from minigrad.parallel import Communicator, CommunicatorError, SingleProcess, connect, examine, launched
from minigrad.typing import Array
from support.parallel_threads import Threads, in_threads


def test_one_process_and_threads_keep_the_laws() -> None:
    examine(SingleProcess())
    assert isinstance(SingleProcess(), Communicator)
    for size in (1, 2, 3, 5):
        assert in_threads(size, examine) == [None] * size


class Reversed(Threads):
    """Adds up from the last rank to the first."""

    def allreduce(self, buffer: Array) -> None:
        buffer[...] = parallel.ordered_sum(self.hub.swap(self.rank, buffer.copy())[::-1])


class Averaging(Threads):
    """Divides."""

    def allreduce(self, buffer: Array) -> None:
        super().allreduce(buffer)
        buffer /= self.size


class Single(Threads):
    """Adds up in single precision."""

    def allreduce(self, buffer: Array) -> None:
        narrow = buffer.astype(np.float32).astype(np.float64)
        super().allreduce(narrow)
        buffer[...] = narrow


class Rootless(Threads):
    """Always broadcasts from rank 0."""

    def broadcast(self, buffer: Array, root: int = 0) -> None:
        super().broadcast(buffer, 0)


class Unordered(Threads):
    """Puts a process's own message first."""

    def gather(self, message: bytes) -> list[bytes]:
        found = super().gather(message)
        return [found[self.rank], *found[: self.rank], *found[self.rank + 1 :]]


class Padded(Threads):
    """Makes all messages as long as the longest."""

    def gather(self, message: bytes) -> list[bytes]:
        found = super().gather(message)
        return [m.ljust(max(map(len, found)), b"\0") for m in found]


@attrs.define(eq=False)
class Misnumbered(Threads):
    """Counts from 1."""

    def __attrs_post_init__(self) -> None:
        self.rank += 1


BROKEN = {Reversed: "allreduce", Averaging: "allreduce", Single: "allreduce", Rootless: "broadcast",
          Unordered: "gather", Padded: "gather", Misnumbered: "rank"}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda c: c.__name__)
def test_a_broken_one_is_refused_by_the_law_it_breaks(broken: type[Threads]) -> None:
    with pytest.raises(CommunicatorError, match=f"law {BROKEN[broken]}: "):
        in_threads(4, examine, broken)


def test_a_launcher_is_recognised() -> None:
    assert launched({}) == 1
    assert launched({"PMI_SIZE": "4", "OMPI_COMM_WORLD_SIZE": ""}) == 4
    assert launched({"OMPI_COMM_WORLD_SIZE": "12"}) == 12
    assert launched({"PMI_SIZE": "many"}) == 1


def offer(monkeypatch: pytest.MonkeyPatch, path: Path, **entries: str) -> None:
    """Install a distribution that offers these communicators, and no other."""
    info = path / "mini_talk-0.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mini-talk\nVersion: 0.3\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{parallel.GROUP}]", *lines]))
    (path / "mini_talk.py").write_text(
        "from minigrad.parallel import SingleProcess\n"
        "class Old(SingleProcess):\n    api = (0, 9)\n"
        "class New(SingleProcess):\n    api = (1, 1)\n"
        "class Mute:\n    api = (1, 0)\n    rank = 0\n    size = 1\n"
        "class Angry:\n    def __init__(self):\n        raise OSError('no network')\n"
    )
    monkeypatch.syspath_prepend(str(path))
    monkeypatch.setenv("MINIGRAD_PLUGINS", "mini-talk")


def test_a_communicator_is_found_by_name_or_by_itself_under_a_launcher(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for word in (None, "none", "auto"):
        assert type(connect(word)) is SingleProcess
    assert isinstance(connect(mine := SingleProcess()), SingleProcess)
    assert connect(mine) is mine
    offer(monkeypatch, tmp_path, talk="mini_talk:SingleProcess")
    assert parallel.available().keys() == {"talk"}
    assert type(connect("talk")) is type(connect("mini-talk:talk")) is SingleProcess
    with pytest.raises(
        CommunicatorError, match=r"no communicator 'tolk'\. Did you mean 'talk'\? Installed: none, auto, ta"
    ):
        connect("tolk")
    assert type(connect("auto")) is SingleProcess
    monkeypatch.setenv("PMI_SIZE", "3")
    assert type(connect("auto")) is SingleProcess
    monkeypatch.setenv("MINIGRAD_PLUGINS", "none")
    with pytest.raises(CommunicatorError, match=r"3 processes were started and no communicator is installed.*none"):
        connect("auto")


def test_a_broken_plugin_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offer(monkeypatch, tmp_path, old="mini_talk:Old", new="mini_talk:New", mute="mini_talk:Mute",
          gone="mini_talk:SingleProces", text="mini_talk:__name__", angry="mini_talk:Angry")  # fmt: skip
    for name, reason in {
        "old": r"contract 0\.9, this minigrad speaks 1\.0: update the plugin",
        "new": r"contract 1\.1, this minigrad speaks 1\.0: update minigrad",
        "mute": "Mute has no allreduce, broadcast, gather, barrier, abort",
        "gone": r"mini_talk has no 'SingleProces'. Did you mean 'SingleProcess'",
        "text": "must be a class or a function",
        "angry": "OSError: no network",
    }.items():
        with pytest.raises(CommunicatorError, match=rf"{name} \(mini-talk 0\.3, mini_talk:\w+\).*{reason}"):
            connect(name)
    monkeypatch.setenv("PMI_SIZE", "2")
    with pytest.raises(CommunicatorError, match="angry, gone, mute, new, old, text are installed: say which"):
        connect("auto")
