"""The file: exact, reproducible, readable by the format's own library, and refused when one byte is not as written."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from minigrad.checkpoint import CheckpointError, files
from minigrad.checkpoint.contents import Contents, read, write
from minigrad.core.types import Array
from support.checkpoint_headers import Header, sealed, small

DTYPES = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may take a tenth of a second to answer; only the tests that ask about it wait."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def example() -> Contents:
    rng = np.random.default_rng(0)
    tensors: dict[str, Array] = {}
    for i, code in enumerate(DTYPES):
        for shape in ((), (0,), (3,), (2, 3), (2, 0, 4)):
            tensors[f"t{i}/{len(shape)}.{sum(shape)}"] = (100 * rng.random(shape)).astype(code)
    tensors["odd"] = np.array([np.nan, -0.0, np.inf, -np.inf, 5e-324])
    tensors["strided"] = np.arange(12.0).reshape(3, 4).T[::-1]
    tensors["big-endian"] = np.arange(3, dtype=">i4").astype(np.float64).astype(">f8")
    return Contents(tensors, {"n": 2**100, "x": 0.1, "s": "ä\x00 \U0001f600", "l": [None, True, {"deep": [[]]}]})


def test_what_is_written_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    path, contents = tmp_path / "a", example()
    size = write(path, contents)
    assert size == path.stat().st_size
    back = read(path)
    assert back.about == contents.about
    assert back.tensors.keys() == contents.tensors.keys()
    for name, value in contents.tensors.items():
        found = back.tensors[name]
        assert found.shape == value.shape
        assert found.dtype == value.dtype.newbyteorder("=")
        assert found.tobytes() == value.astype(found.dtype).tobytes()


def test_equal_content_gives_equal_bytes_in_any_order(tmp_path: Path) -> None:
    contents = example()
    write(tmp_path / "a", contents)
    write(tmp_path / "b", Contents({n: contents.tensors[n] for n in reversed(list(contents.tensors))}, contents.about))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_library_of_the_format_reads_the_same(tmp_path: Path) -> None:
    path, contents = tmp_path / "a", example()
    write(path, contents)
    for name, value in load_file(path).items():
        np.testing.assert_array_equal(value, contents.tensors[name], strict=False)
        assert value.shape == contents.tensors[name].shape
    with safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["minigrad"])["format"] == 1


def test_tensors_are_aligned(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(path, Contents({"a": np.zeros(3, np.int8), "b": np.zeros(3), "c": np.zeros(5, np.float32)}, {}))
    raw = path.read_bytes()
    count = int.from_bytes(raw[:8], "little")
    assert count % 8 == 0
    header = json.loads(raw[8 : 8 + count])
    for name, width in (("a", 1), ("b", 8), ("c", 4)):
        assert header[name]["data_offsets"][0] % width == 0


def meta(change: Callable[[dict[str, object]], None]) -> Callable[[Header], object]:
    def apply(header: Header) -> None:
        inner = json.loads(str(header["__metadata__"]["minigrad"]))
        change(inner)
        header["__metadata__"]["minigrad"] = json.dumps(inner)

    return apply


LIES: dict[str, Callable[[Header], object]] = {
    "huge shape": lambda h: h["w"].update(shape=[2**40, 2**40]),
    "huge shape and offsets": lambda h: h["b"].update(shape=[2**50], data_offsets=[48, 48 + 2**52]),
    "empty but impossible": lambda h: h["b"].update(shape=[0, 2**63], data_offsets=[48, 48]),
    "negative extents": lambda h: h["w"].update(shape=[-2, -3]),
    "fractional extent": lambda h: h["w"].update(shape=[2.0, 3]),
    "true as extent": lambda h: h["b"].update(shape=[True, 4]),
    "no shape": lambda h: h["w"].pop("shape"),
    "shape is no list": lambda h: h["w"].update(shape=6),
    "deep shape": lambda h: h["b"].update(shape=[1] * 64 + [4]),
    "overlap": lambda h: h["b"].update(data_offsets=[0, 16]),
    "gap": lambda h: h["b"].update(data_offsets=[56, 72]),
    "unknown dtype": lambda h: h["w"].update(dtype="C64"),
    "dtype is no word": lambda h: h["w"].update(dtype=["F64"]),
    "narrower dtype": lambda h: h["w"].update(dtype="F32"),
    "other dtype of the same width": lambda h: h["w"].update(dtype="I64", shape=[3]),
    "one tensor fewer": lambda h: h.pop("b"),
    "one tensor more": lambda h: h.update(c={"dtype": "F32", "shape": [0], "data_offsets": [64, 64]}),
    "entry is no object": lambda h: h.update({"b": []}),  # type: ignore[dict-item]
    "no metadata": lambda h: h.pop("__metadata__"),
    "no document": lambda h: h["__metadata__"].pop("minigrad"),
    "document is no JSON": lambda h: h["__metadata__"].update(minigrad="{"),
    "document is a list": lambda h: h["__metadata__"].update(minigrad="[]"),
    "a name twice": lambda h: h["__metadata__"].update(
        minigrad=str(h["__metadata__"]["minigrad"]).replace('{"format"', '{"format":1,"format"', 1)
    ),
    "deep document": lambda h: h["__metadata__"].update(minigrad="[" * 100_000),
    "long number": lambda h: h["__metadata__"].update(minigrad="9" * 10_000),
    "another format": meta(lambda d: d.update(format=2)),
    "no checksums": meta(lambda d: d.update(sums={})),
    "wrong checksum": meta(lambda d: d.update(sums={"w": "0" * 64, "b": "0" * 64})),
    "about is a list": meta(lambda d: d.update(about=[])),
}


def test_the_seal_of_these_tests_is_right(tmp_path: Path) -> None:
    header, tail = small(tmp_path / "a")
    (tmp_path / "b").write_bytes(sealed(dict(header), tail))
    assert read(tmp_path / "b").about == {"k": 1}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_under_a_right_seal(lie: str, tmp_path: Path) -> None:
    header, tail = small(tmp_path / "a")
    LIES[lie](header)
    (tmp_path / "b").write_bytes(sealed(dict(header), tail))
    with pytest.raises(CheckpointError, match="format 2" if lie == "another format" else "damaged, or no checkpoint"):
        read(tmp_path / "b")


def test_every_single_bit_counts(tmp_path: Path) -> None:
    write(tmp_path / "a", Contents({"w": np.arange(3, dtype=np.int16)}, {"k": 1}))
    raw = (tmp_path / "a").read_bytes()
    with open(tmp_path / "a", "r+b") as file:
        for position, byte in enumerate(raw):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), position)
                with pytest.raises(CheckpointError):
                    read(tmp_path / "a")
            os.pwrite(file.fileno(), bytes([byte]), position)
    assert read(tmp_path / "a").about == {"k": 1}


def test_files_that_are_something_else(tmp_path: Path) -> None:
    save_file({"w": np.zeros(3)}, tmp_path / "weights")
    (tmp_path / "text").write_text("hello, world, this is no checkpoint")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "huge").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (
        ("weights", "does not begin like one"),
        ("text", "claims"),
        ("empty", "ends early"),
        ("huge", r"claims 4,611,686,018,427,387,904 bytes, the file has 10"),
        ("pipe", "a folder or a device"),
        (".", "a folder or a device"),
        ("none", "there is no such checkpoint"),
    ):
        with pytest.raises(CheckpointError, match=reason):
            read(tmp_path / name)


def test_a_lie_about_size_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header, tail = small(tmp_path / "a")
    LIES["huge shape and offsets"](header)
    (tmp_path / "b").write_bytes(sealed(dict(header), tail))
    monkeypatch.setattr(np, "empty", lambda *_: pytest.fail("memory was asked for before sizes were compared"))
    with pytest.raises(CheckpointError, match="tensors need"):
        read(tmp_path / "b")


def test_a_dtype_that_the_format_lacks(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"'z' has dtype complex128.*cannot hold"):
        write(tmp_path / "a", Contents({"z": np.zeros(2, np.complex128)}, {}))
    assert not list(tmp_path.iterdir())


class TestTroubleWithTheDisk:
    """The old checkpoint survives whatever step fails, and nothing is left beside it."""

    @pytest.fixture
    def old(self, tmp_path: Path) -> Path:
        write(tmp_path / "a", example())
        return tmp_path / "a"

    def refuses(self, old: Path, reason: str) -> None:
        before = old.read_bytes()
        with pytest.raises(CheckpointError, match=f"could not be written.*{reason}.*still there"):
            write(old, Contents({"w": np.zeros(1000)}, {}))
        assert old.read_bytes() == before
        assert [p.name for p in old.parent.iterdir()] == ["a"]
        read(old)

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_no_space(self, old: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, step, full)
        self.refuses(old, "No space left on device")

    @pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
    def test_a_file_that_may_not_grow(self, old: Path) -> None:
        import resource
        import signal

        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            self.refuses(old, "File too large")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)

    def test_a_folder_that_is_closed(self, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if os.geteuid() == 0:
            opened = open

            def refuse(path: Path, mode: str) -> object:
                if "x" in mode:
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                return opened(path, mode)

            monkeypatch.setattr(files, "open", refuse, raising=False)
        else:
            old.parent.chmod(0o500)
        try:
            self.refuses(old, "Permission denied")
        finally:
            old.parent.chmod(0o700)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"No such file or directory.*there is none before it"):
            write(tmp_path / "no" / "a", example())


def test_content_reaches_the_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    swap = os.replace

    def synced(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")

    def replaced(a: Path, b: Path) -> None:
        steps.append("name")
        swap(a, b)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write(tmp_path / "a", example())
    assert steps == ["file", "name", "folder"]
