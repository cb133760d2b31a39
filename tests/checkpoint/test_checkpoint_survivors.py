"""Limits to the last number, what reaches the disk and when, and whose generators are missing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import checkpoint, nn
from minigrad.checkpoint import CheckpointError, contents
from minigrad.checkpoint.contents import Contents, read, write
from minigrad.checkpoint.files import replace
from minigrad.checkpoint.generators import generators, misfits, state_of
from support.run_damage import header_of


class Bag(nn.Module):
    """A module with generators in a list and a dict."""

    def __init__(self, names: str) -> None:
        self.weight = nn.parameter(np.ones(2))
        self.rngs = {name: np.random.default_rng(ord(name)) for name in names}
        self.listed = [np.random.default_rng(1)]


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def digits(count: int) -> int:
    return int(10 ** (count - 1))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"a": nested(98)}, {"a": nested(99)}),
        ({"a": [1.0, 2**62, "x", digits(3_997)]}, {"a": [1.0, 2**62, "x", digits(4_002)]}),
        ({"a": [2**63 - 1, -(2**63) + 1, 2**63, 2**64]}, {"a": ["fine", None, b"not"]}),
        ({"a": [True, None, 1.5]}, {"a": [1, "x", 2.0, {"b": {1: 2}}]}),
        ({"a": [None, np.float64(1.5)]}, {"a": [b"not", None]}),
    ],
    ids=["levels", "digits", "bytes behind texts", "keys inside", "bytes before nothing"],
)
def test_what_about_may_hold_to_the_last_level_and_digit(
    right: dict[str, Any], wrong: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, nn.Linear(1, 1), about=right)
    assert checkpoint.load(path).about == right
    before = path.read_bytes()
    with pytest.raises(CheckpointError):
        checkpoint.save(path, nn.Linear(1, 1), about=wrong)
    assert path.read_bytes() == before


def test_more_tensors_than_a_file_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(contents, "_MOST_TENSORS", 3)
    three = {str(k): np.zeros(1) for k in range(3)}
    write(tmp_path / "c", Contents(three, {}))
    assert read(tmp_path / "c").tensors.keys() == three.keys()
    with pytest.raises(CheckpointError, match="4 tensors, and a checkpoint holds 3 at most"):
        write(tmp_path / "c", Contents({**three, "3": np.zeros(1)}, {}))
    monkeypatch.setattr(contents, "_MOST_TENSORS", 2)
    with pytest.raises(CheckpointError, match="header has 3 tensors"):
        read(tmp_path / "c")


def test_a_header_of_the_largest_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path / "c", Contents({"a": np.zeros(3)}, {"b": "x" * 99}))
    length = int.from_bytes((tmp_path / "c").read_bytes()[:8], "little")
    monkeypatch.setattr(contents, "_LONGEST_HEADER", length)
    write(tmp_path / "c", Contents({"a": np.zeros(3)}, {"b": "x" * 99}))
    read(tmp_path / "c")
    monkeypatch.setattr(contents, "_LONGEST_HEADER", length - 1)
    with pytest.raises(CheckpointError, match=f"need {length:,} bytes"):
        write(tmp_path / "c", Contents({"a": np.zeros(3)}, {"b": "x" * 99}))
    with pytest.raises(CheckpointError, match="its header claims"):
        read(tmp_path / "c")


@pytest.mark.parametrize(
    ("shape", "said"),
    [("3", "list of at most 64"), ([1] * 65, "list of at most 64"), ({}, "list of at most 64"), ([2**63], "from 0 to"),
     ([True], "from 0 to"), ([-1], "from 0 to"), ([1.0], "from 0 to"), ([2**62, 2, 0], "cannot have the shape")],
    ids=repr,
)  # fmt: skip
def test_shapes_that_are_none(shape: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "c"
    about: dict[str, Any] = {}
    inner: dict[str, Any] = {"format": 1, "sums": {"a": "0" * 64}, "about": about}
    entry = {"dtype": "F64", "shape": shape, "data_offsets": [0, 0]}
    path.write_bytes(contents._header(inner, {"a": entry}))
    with pytest.raises(CheckpointError, match=said):
        read(path)


def test_what_is_durable_is_on_the_disk_before_it_has_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*arguments: Any, real: Any = real, name: str = name) -> Any:
            calls.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, noted)
    assert replace(tmp_path / "a", [b"12", memoryview(b"345")]) == 5
    assert calls == ["fsync", "replace", "fsync"]
    calls.clear()
    assert replace(tmp_path / "a", [b"1", b"", b"2"], durable=False) == 2
    assert calls == ["replace"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files")
def test_no_file_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "c"
    (tmp_path / ".c.0123456789abcdef.part").write_bytes(b"left over")
    checkpoint.save(path, nn.Linear(1, 1))
    before = len(os.listdir("/proc/self/fd"))
    for k in range(5):
        (tmp_path / f".c.012345678{k}abcdef.part").write_bytes(b"left over")
        checkpoint.save(path, nn.Linear(1, 1))
        checkpoint.load(path)
        with pytest.raises(CheckpointError):
            checkpoint.save(tmp_path / "missing" / "c", nn.Linear(1, 1))
    assert len(os.listdir("/proc/self/fd")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_generators_in_lists_and_dicts_are_saved_and_missed_by_name(tmp_path: Path) -> None:
    path, bag = tmp_path / "c", Bag("ab")
    checkpoint.save(path, bag)
    expected = bag.rngs["b"].random(), bag.listed[0].random()
    saved = checkpoint.load(path)
    assert set(saved.generators) == {"rngs.a", "rngs.b", "listed.0"}
    saved.restore(bag)
    assert (bag.rngs["b"].random(), bag.listed[0].random()) == expected
    for other, said in (("abc", "'rngs.c' is in the model only"), ("a", "'rngs.b' is in the file only")):
        with pytest.raises(CheckpointError, match=said):
            saved.restore(Bag(other))


def test_all_differences_of_a_model_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("c")
    checkpoint.save(path, nn.mlp(2, [3], 2))
    saved = checkpoint.load(path)
    with pytest.raises(CheckpointError, match=r"layers\.2\.weight .* is in the file only"):
        saved.restore(nn.Sequential(nn.Linear(2, 3)))
    with pytest.raises(CheckpointError, match="Build the model as it was") as three:
        saved.restore(nn.mlp(3, [3], 2))
    assert "more" not in str(three.value)


def test_the_header_is_that_of_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "c"
    write(path, Contents({"a": np.arange(6.0).reshape(2, 3)}, {}))
    header, tensors = header_of(path.read_bytes())
    assert header["a"] == {"dtype": "F64", "shape": [2, 3], "data_offsets": [0, 48]}
    assert tensors == np.arange(6.0).tobytes()


@pytest.mark.parametrize(("there", "said"), [(True, "the one before it is still there"), (False, "none before it")])
def test_a_failed_save_says_what_is_left(
    there: bool, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "c"
    if there:
        checkpoint.save(path, nn.Linear(1, 1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CheckpointError, match=rf"could not be written \(No space left on device\); .*{said}"):
        checkpoint.save(path, nn.Linear(1, 1))
    assert path.exists() == there
    assert len(list(tmp_path.iterdir())) == there


@pytest.mark.parametrize("locks", ["none", "refused"])
def test_without_locks_parts_are_left_over_after_a_day(
    locks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    target = "minigrad.checkpoint.files.fcntl"
    monkeypatch.setattr(*(target, None) if locks == "none" else (f"{target}.flock", refused))
    day = 24 * 60 * 60
    ages = {".c.0.part": 1.02 * day, ".c.1.part": 0.98 * day, ".c.2.part": 0.0}
    for name, age in ages.items():
        (tmp_path / name).write_bytes(b"part")
        then = time.time() - age
        os.utime(tmp_path / name, (then, then))
    checkpoint.save(tmp_path / "c", nn.Linear(1, 1))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".c.1.part", ".c.2.part", "c"]
    checkpoint.load(tmp_path / "c")


@pytest.mark.parametrize("failing", ["fstat", "fsync"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_whatever_ends_a_save_no_part_is_left(
    failing: str, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)  # and not for pytest
        with pytest.raises(error):
            checkpoint.save(tmp_path / "c", nn.Linear(1, 1))
    assert list(tmp_path.iterdir()) == []


def test_messages_give_the_room_to_the_reason_and_then_to_the_path() -> None:
    path = Path("/" + "p" * 400)
    short, long_ = CheckpointError.of(path, "is short", "Do this"), CheckpointError.of(path, "w" * 400, "Do this")
    assert len(str(short)) == len(str(long_)) == 299
    assert str(short).startswith("...pp")
    assert str(short).endswith("pp: is short. Do this")
    assert str(long_).startswith("..." + "p" * 107 + ": w")
    assert str(CheckpointError.of(Path("/p"), "w" * 400, "Do this")).startswith("/p: w")


def test_what_is_no_path_optimizer_or_number(tmp_path: Path) -> None:
    model: Any = nn.Linear(1, 1)
    for call in (lambda: checkpoint.load(5), lambda: checkpoint.save(None, model)):  # type: ignore[arg-type]
        with pytest.raises(CheckpointError, match=r"give its path, not a (int|NoneType)"):
            call()
    with pytest.raises(CheckpointError, match=r"comes from mg\.optimizer, this is a int"):
        checkpoint.save(tmp_path / "c", model, 5)  # type: ignore[arg-type]
    wrong: tuple[Any, ...] = ({"lr": {"float64": "0.1"}}, {"lr": [1]}, "lr")
    for optimizer in wrong:
        write(tmp_path / "c", Contents({}, {"versions": {}, "optimizer": optimizer, "generators": {}, "about": {}}))
        with pytest.raises(CheckpointError, match="holds no model of minigrad: TypeError"):
            checkpoint.load(tmp_path / "c")
    write(tmp_path / "c", Contents({}, {"versions": {}, "optimizer": {"lr": {"float64": 0.1}, "t": 1},
                                        "generators": {}, "about": {}}))  # fmt: skip
    saved = checkpoint.load(tmp_path / "c").optimizer
    assert saved == {"lr": 0.1, "t": 1}
    assert type(saved["lr"]) is np.float64


def test_gradients_under_way_are_saved_where_there_are_any(tmp_path: Path) -> None:
    layers = nn.Linear(2, 2, rng=0), nn.Linear(2, 1, rng=1)
    model = nn.Sequential(*layers)
    optimizer = mg.optimizer("sgd", model.named_parameters(), lr=0.1, accumulate=2, missing="zero")
    path, first = tmp_path / "c", layers[0].weight
    checkpoint.save(path, model, optimizer)
    assert checkpoint.load(path).gradients == {}
    (first * 3.0).sum().backward()
    optimizer.step()
    checkpoint.save(path, model, optimizer)
    saved = checkpoint.load(path)
    assert list(saved.gradients) == ["layers.0.weight"]
    model.zero_grad()
    saved.restore(model, optimizer)
    assert first.grad is not None
    assert first.grad.numpy().tolist() == saved.gradients["layers.0.weight"].tolist() == [[3.0, 3.0]] * 2
    assert layers[1].weight.grad is None


def test_names_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        write(tmp_path / "c", Contents({"\ud800": np.zeros(1)}, {}))
    assert list(tmp_path.iterdir()) == []


def test_generators_of_unknown_kinds(tmp_path: Path) -> None:
    class Odd(np.random.PCG64):
        @property
        def state(self) -> Any:
            return {"bit_generator": "Odd", "state": 1.5}

        @state.setter
        def state(self, value: Any) -> None:
            raise NotImplementedError

    bag = Bag("")
    bag.listed = [np.random.Generator(Odd())]
    with pytest.raises(CheckpointError, match="holds a float cannot be saved"):
        checkpoint.save(tmp_path / "c", bag)


@pytest.mark.parametrize("role", ["arrays", "about"])
def test_what_is_added_has_names(role: str, tmp_path: Path) -> None:
    for value in ([1, 2], 5, "text"):
        with pytest.raises(CheckpointError, match=f"{role} is a {type(value).__name__}: give a dict"):
            checkpoint.save(tmp_path / "c", nn.Linear(1, 1), **{role: value})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_only_parts_of_this_file_are_taken_for_left_over_ones(tmp_path: Path) -> None:
    others = [tmp_path / name for name in (".c.notes", ".d.0123.part", "c.part", ".cc.0123.part")]
    for other in others:
        other.write_text("somebody else's")
    left_over = tmp_path / ".c.0123.part"
    left_over.write_text("of a writer that was killed")
    replace(tmp_path / "c", [b"new"])
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "c"])


def test_a_path_without_a_name_is_no_file() -> None:
    with pytest.raises(ValueError, match=r"'\.' is not the name of a file"):
        replace(Path(), [b""])


def test_a_file_that_is_cut_off_as_it_is_read_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "c"
    size = checkpoint.save(path, nn.Linear(3, 2))
    os.truncate(path, size - 1)
    with path.open("rb") as file, pytest.raises(CheckpointError, match="ends early"):
        contents._read(path, file, size)


def test_states_that_are_none_are_told_by_name() -> None:
    model = Bag("a")
    states: dict[str, Any] = {name: state_of(generator) for name, generator in generators(model).items()}
    assert misfits(model, states) == []
    for wrong in (5, [1], None, {"bit_generator": "PCG64", "state": 3}, {}):
        [said] = misfits(model, {**states, "rngs.a": wrong})  # type: ignore[dict-item]
        assert said.startswith("generator 'rngs.a' cannot take the saved state")
