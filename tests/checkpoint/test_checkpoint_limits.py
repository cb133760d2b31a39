"""What `save` accepts `load` takes; what it cannot hold is refused at once, in one type and a short message."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minigrad import checkpoint, nn, tensor
from minigrad.checkpoint import CheckpointError, contents
from minigrad.checkpoint.contents import Contents, read, write
from support.checkpoint_headers import sealed, small

MODEL = nn.mlp(2, [3], 2, rng=0)


def nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


def cycle() -> list[object]:
    value: list[object] = [1]
    value.append(value)
    return value


class Word(str):
    """A string that equals no other."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


REFUSED: dict[str, dict[str, Any]] = {
    "a number and its text as names": {"about": {1: "a", "1": "b"}},
    "names that are no strings": {"about": {"a": {None: 1}}},
    "equal names": {"about": {Word("a"): 1, Word("a"): 2}},
    "float32": {"about": {"a": np.float32(1)}},
    "bytes": {"about": {"a": [b"x"]}},
    "set": {"about": {"a": {1}}},
    "array": {"about": {"a": np.zeros(2)}},
    "cycle": {"about": {"a": cycle()}},
    "too deep": {"about": {"a": nested(2000)}},
    "just too deep": {"about": {"a": nested(99)}},
    "long number": {"about": {"a": 10**5000}},
    "long negative number": {"about": {"a": [-(10**5000)]}},
    "long text": {"about": {"a": "y" * 200_000}},
    "a long name": {"about": {"y" * 10_000: {1}}},
    "about is no mapping": {"about": [1]},
    "list as array": {"arrays": {"a": [1, 2]}},
    "Tensor as array": {"arrays": {"a": tensor([1.0])}},
    "object array": {"arrays": {"a": np.array([None])}},
    "text array": {"arrays": {"a": np.array(["x"])}},
    "dates": {"arrays": {"a": np.array(["2020-01-01"], "M8[D]")}},
    "records": {"arrays": {"a": np.zeros(2, "i4,f8")}},
    "masked array": {"arrays": {"a": np.ma.masked_array([1.0, 2.0], [False, True])}},
    "complex": {"arrays": {"a": np.zeros(2, complex)}},
    "arrays are no mapping": {"arrays": [np.zeros(2)]},
    "names of arrays": {"arrays": {1: np.zeros(2)}},
    "half a surrogate pair": {"arrays": {"\ud800": np.zeros(2)}},
    "long name of a complex array": {"arrays": {"n" * 5000: np.zeros(2, complex)}},
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_file_can_hold_is_refused_before_anything_is_written(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_LONGEST_HEADER", 200_000)
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, MODEL)
    before = path.read_bytes()
    with pytest.raises(CheckpointError) as refusal:
        checkpoint.save(path, MODEL, **REFUSED[what])
    assert len(str(refusal.value)) < 300
    assert path.name in str(refusal.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", ["", ".", "..", "/", "a\0b", "x" * 300, "y/" * 3000 + "z", "no/such/c"])
def test_paths_that_name_no_file(path: str) -> None:
    for call in (lambda: checkpoint.save(path, MODEL), lambda: checkpoint.load(path)):
        with pytest.raises(CheckpointError) as refusal:
            call()
        assert len(str(refusal.value)) < 300


ACCEPTED: dict[str, dict[str, Any]] = {
    "64 axes": {"arrays": {"a": np.zeros((1,) * 64)}},
    "the deepest": {"about": {"a": nested(96)}},
    "the longest number": {"about": {"a": [10**3990, -(10**3990)]}},
    "tuples": {"about": {"a": (1, (2, "x"))}},
    "NumPy's own float": {"about": {"a": np.float64(0.1)}},
    "NaN": {"about": {"a": float("inf")}},
    "any text": {"about": {"\ud800": "\x00\U0001f600\ud800"}},
    "scalars of NumPy": {"arrays": {"a": np.float32(1.5), "b": np.True_}},
    "a hundred thousand numbers": {"about": {"a": list(range(100_000))}},
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_is_accepted_comes_back(what: str, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, MODEL, **ACCEPTED[what])
    saved = checkpoint.load(path)
    assert json.dumps(saved.about) == json.dumps(ACCEPTED[what].get("about", {}))
    for name, value in ACCEPTED[what].get("arrays", {}).items():
        assert saved.arrays[name].shape == value.shape
        assert saved.arrays[name].dtype == value.dtype
        assert np.array_equal(saved.arrays[name], value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(np.float32(2)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(about=st.dictionaries(st.text() | st.integers(), ANYTHING, max_size=4))
def test_it_is_refused_or_it_comes_back(about: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c"
        try:
            write(path, Contents({}, about))
        except CheckpointError as refusal:
            short = len(str(refusal)) < 300
            assert short
            assert not path.exists()
            return
        assert json.dumps(read(path).about) == json.dumps(about)


def header_of(names: int) -> bytes:
    entry = {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}
    inner = json.dumps({"format": 1, "sums": {}, "about": {}})
    tensors = {f"t{k}": entry for k in range(names)}
    return sealed({"__metadata__": {"sha256": "", "minigrad": inner}, **tensors}, b"")


def test_files_that_ask_for_too_much_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(header_of(150_000))
    began = time.process_time()
    with pytest.raises(CheckpointError, match="150,000 tensors"):
        read(path)
    assert time.process_time() - began < 0.5  # parsing takes more


@pytest.mark.parametrize("digits", [30, 400, 4000, 4300, 5000])
def test_extents_of_thousands_of_digits(digits: int, tmp_path: Path) -> None:
    header, tail = small(tmp_path / "a")
    text = json.dumps(header).replace("[2, 3]", f"[{'9' * digits}, {'9' * digits}]")
    try:
        header = json.loads(text)
    except ValueError:
        pytest.skip("no JSON reader of Python takes such a number")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.set_int_max_str_digits", lambda n: None)
        (tmp_path / "b").write_bytes(sealed(dict(header), tail))
    with pytest.raises(CheckpointError) as refusal:
        read(tmp_path / "b")
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("field", ["name", "dtype", "shape", "data_offsets", "format", "sum"])
def test_messages_are_short_whatever_a_file_says(field: str, tmp_path: Path) -> None:
    header, tail = small(tmp_path / "a")
    long = "z" * 2_000_000
    if field == "name":
        header[long] = header.pop("w")
    elif field == "format":
        header["__metadata__"]["minigrad"] = json.dumps({"format": long})
    elif field == "sum":
        header["__metadata__"]["minigrad"] = json.dumps({"format": 1, "sums": {long: 1}, "about": {}})
    else:
        header["w"][field] = long if field == "dtype" else [long]
    (tmp_path / "b").write_bytes(sealed(dict(header), tail))
    with pytest.raises(CheckpointError) as refusal:
        read(tmp_path / "b")
    assert len(str(refusal.value)) < 300
