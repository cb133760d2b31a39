"""Whatever happens to a run's folder, each of its readers raises its one error, in less than 300 characters."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from minigrad import checkpoint, train
from minigrad.checkpoint import CheckpointError
from minigrad.checkpoint.contents import Contents, read, write
from minigrad.core.errors import MinigradError
from minigrad.train import TrainError
from support.cli_calls import code_of
from support.run_damage import JUNK, damaged_bytes, damaged_fields, header_of, with_header

CSV = "colour,size,kind\n" + "".join(f"{'red' if k % 3 else 'blue'},{k % 11},{'ab'[k % 2]}\n" for k in range(60))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on a table of words and numbers."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "rows.csv").write_text(CSV)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minigrad.train.output.run_folder.run_pictures", lambda *_, **__: [])
        words = ["--data", str(folder / "rows.csv"), "--target", "kind", "--hidden", "3", "--epochs", "1"]
        assert code_of("train", *words, "--no-checks", "--out", str(folder)) == 0
    return folder / "0001-rows"


def refusals(
    cases: Iterator[tuple[str, bytes]], file: Path, reader: Callable[[Path], object], kind: type[MinigradError]
) -> int:
    """Read every damaged file; returns how many were refused. Others must do no harm."""
    refused = 0
    for what, content in cases:
        file.write_bytes(content)
        began = time.perf_counter()
        said = ""
        try:
            reader(file)
        except kind as error:
            refused, said = refused + 1, str(error)
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {str(error)[:200]}") from None
        assert len(said) < 300, (what, len(said), said[:200])
        assert time.perf_counter() - began < 5.0, what
    return refused


def figures(path: Path) -> object:
    return train.RunMetrics.load(path)


READERS: dict[str, tuple[Callable[[Path], object], type[MinigradError]]] = {
    "checkpoint.safetensors": (checkpoint.load, CheckpointError),
    "best.safetensors": (train.load, TrainError),
    "figures.npz": (figures, TrainError),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("count", [150, pytest.param(20_000, marks=pytest.mark.soak)])
def test_changed_bytes(name: str, count: int, whole: Path, tmp_path: Path) -> None:
    reader, kind = READERS[name]
    seed = 0 if count == 150 else time.time_ns() % 2**32
    cases = damaged_bytes((whole / name).read_bytes(), count, seed)
    refused = refusals(cases, tmp_path / name, reader, kind)
    assert refused > 0.4 * count, f"seed {seed}"


def about_cases(content: bytes) -> Iterator[tuple[str, bytes]]:
    """`best.safetensors` with every field of its metadata replaced."""
    header, tensors = header_of(content)
    for what, about in damaged_fields(json.loads(header["__metadata__"]["minigrad"])):
        yield what, with_header({**header, "__metadata__": {"minigrad": json.dumps(about)}}, tensors)


def header_cases(content: bytes) -> Iterator[tuple[str, bytes]]:
    header, tensors = header_of(content)
    for what, bent in damaged_fields(header):
        if isinstance(bent, dict):
            yield what, with_header(bent, tensors)


def use(path: Path) -> object:
    """Load a model and use it: what it says of its rows may be damaged as well."""
    run = train.load(path)
    rows = path.with_name("rows.csv")
    rows.write_text(CSV)
    return run.predict(str(rows))


@pytest.mark.parametrize("cases", [about_cases, header_cases])
def test_changed_fields_of_the_model_file(
    cases: Callable[[bytes], Iterator[tuple[str, bytes]]], whole: Path, tmp_path: Path
) -> None:
    content = (whole / "best.safetensors").read_bytes()
    assert refusals(cases(content), tmp_path / "best.safetensors", use, MinigradError) > 20


@pytest.mark.parametrize("soak", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_changed_fields_of_a_checkpoint(
    soak: bool, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The state of a run is looked at before anything of it is taken; the checksums of these files are right."""
    contents = read(whole / "checkpoint.safetensors")
    file = tmp_path / "checkpoint.safetensors"
    for part in ("run", "optimizer", "generators", "versions"):
        inner = contents.about if part != "run" else contents.about["about"]
        assert isinstance(inner, dict)
        for what, changed in damaged_fields({part: inner[part]}, JUNK[:: 1 if soak else 11]):
            document = {**contents.about, **changed} if part != "run" else {
                **contents.about, "about": {**inner, **changed}}  # fmt: skip
            write(file, Contents(contents.tensors, document))
            if not soak and (
                ("monitor" in what and "steps'" not in what and "kinds" not in what)
                or "config" in what
                or "checks" in what
            ):
                continue
            assert code_of("train", "--resume", str(tmp_path), "--epochs", "1") in (0, 1), what
            said = capsys.readouterr().err
            assert "InternalError" not in said, (what, said)


def test_changed_fields_of_figures(whole: Path, tmp_path: Path) -> None:
    with np.load(whole / "figures.npz") as archive:
        arrays = dict(archive)
    about = json.loads(str(arrays.pop("about")))
    file = tmp_path / "figures.npz"

    def cases() -> Iterator[tuple[str, bytes]]:
        for what, changed in damaged_fields(about, JUNK[::6]):
            np.savez(file, allow_pickle=False, about=np.array(json.dumps(changed)), **arrays)
            yield what, file.read_bytes()

    assert refusals(cases(), file, figures, TrainError) > 20


@pytest.mark.parametrize("command", ["check", "lr-find"])
def test_changed_configuration(command: str, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads((whole / "config.json").read_text())
    small = {"command": {name: config["command"][name] for name in ("data", "hidden", "lr", "hyperparameters", "seed")}}
    for what, changed in damaged_fields(small, (None, -1, "x" * 900, {})):
        (tmp_path / "config.json").write_text(json.dumps(changed))
        if command == "lr-find" and "seed" not in what:
            continue
        assert code_of(command, str(tmp_path)) in (0, 1, 3), what
        said = capsys.readouterr().err
        assert "InternalError" not in said, (what, said)
        assert len(said.strip()) < 300, (what, said)
