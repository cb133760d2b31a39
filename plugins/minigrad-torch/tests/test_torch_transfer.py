"""Weights without PyTorch: files, names, half precision, tied Tensors, messages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import minigrad as mg
from minigrad import nn
from minigrad.nn.errors import StateMismatch
from minigrad.typing import Array
from minigrad_torch import MissingTorch, UnreadableWeights, from_torch, to_torch, torch_names
from minigrad_torch import errors as errors_module
from minigrad_torch.slots import list_slots


def _model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.LSTM(4, 2, rng=1))


def _state(model: nn.Module, seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        key: np.asarray(rng.random(shape) + 0.5)
        for slot in list_slots(model)
        for key, shape in zip(slot.keys, slot.shapes, strict=True)
    }


def test_names_and_layouts_of_a_stack() -> None:
    model = _model()
    assert torch_names(model) == {
        "layers.0.weight": ("0.weight",),
        "layers.0.bias": ("0.bias",),
        "layers.1.weight": ("1.weight",),
        "layers.1.bias": ("1.bias",),
        "layers.1.running_mean": ("1.running_mean",),
        "layers.1.running_var": ("1.running_var",),
        "layers.2.input_weight": ("2.weight_ih_l0",),
        "layers.2.state_weight": ("2.weight_hh_l0",),
        "layers.2.bias": ("2.bias_ih_l0", "2.bias_hh_l0"),
    }
    state = _state(model)
    report = from_torch(state, model)
    assert not report.missing
    own = model.state_dict()
    np.testing.assert_allclose(own["layers.0.weight"], state["0.weight"].T.astype(np.float32))
    np.testing.assert_allclose(own["layers.2.bias"], state["2.bias_ih_l0"] + state["2.bias_hh_l0"], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F32", "F64"])
def test_safetensors_of_every_precision(dtype: str, tmp_path: Path) -> None:
    model = nn.Linear(3, 2, rng=0)
    weight = np.array([[1.5, -2.0, 0.25], [0.5, 3.0, -0.125]])  # exact in bfloat16
    if dtype == "BF16":
        raw = (weight.astype(np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
        header: dict[str, object] = {
            "weight": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
            "bias": {"dtype": "F32", "shape": [2], "data_offsets": [12, 20]},
        }
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        (tmp_path / "w.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + raw + bytes(8))
    else:
        kind = {"F16": np.float16, "F32": np.float32, "F64": np.float64}[dtype]
        save_file({"weight": weight.astype(kind), "bias": np.zeros(2, kind)}, tmp_path / "w.safetensors")
    from_torch(tmp_path / "w.safetensors", model)
    np.testing.assert_array_equal(model.weight.numpy(), weight.T)
    assert model.weight.dtype == np.float32


def _write_parts(folder: Path, state: dict[str, Array]) -> Path:
    names = sorted(state)
    parts = {"part-1.safetensors": names[::2], "part-2.safetensors": names[1::2]}
    for part, keys in parts.items():
        save_file({k: state[k] for k in keys}, folder / part)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {k: p for p, keys in parts.items() for k in keys}}))
    return index


def test_a_file_in_parts_by_its_index_or_folder(tmp_path: Path) -> None:
    state = _state(_model())
    index = _write_parts(tmp_path, state)
    models = [_model() for _ in range(3)]
    for model, source in zip(models, (state, index, tmp_path), strict=True):
        from_torch(source, model)
    for name, value in models[0].state_dict().items():
        np.testing.assert_array_equal(models[1].state_dict()[name], value)
        np.testing.assert_array_equal(models[2].state_dict()[name], value)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    index = _write_parts(tmp_path, _state(_model()))
    whole = json.loads(index.read_text())
    broken = {
        "{": "weight_map",
        json.dumps({"weight_map": {"0.weight": "../part-1.safetensors"}}): "not a file name",
        json.dumps({"weight_map": whole["weight_map"] | {"absent": "part-1.safetensors"}}): "absent is in it",
    }
    for text, words in broken.items():
        index.write_text(text)
        with pytest.raises(UnreadableWeights, match=words):
            from_torch(index, _model())
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(UnreadableWeights, match="not a whole safetensors file"):
        from_torch(tmp_path / "cut.safetensors", _model())


def test_names_that_do_not_fit_are_listed_with_the_nearest_and_nothing_changes() -> None:
    model = _model()
    before = model.state_dict()
    state = _state(model)
    state["0.wieght"] = state.pop("0.weight")
    with pytest.raises(StateMismatch) as caught:
        from_torch(state, model)
    text = str(caught.value)
    assert "0.wieght has no place" in text
    assert "Did you mean '0.weight'?" in text
    assert len(text) < 300
    report = from_torch(state, model, strict=False)
    assert report.missing == ("0.weight",)
    assert report.unexpected == ("0.wieght",)
    np.testing.assert_array_equal(model.state_dict()["layers.0.weight"], before["layers.0.weight"])


def test_many_misfits_and_wrong_shapes_stay_short() -> None:
    model = nn.mlp(4, [5] * 30, 3, rng=0)
    state = {f"encoder.{key}": value for key, value in _state(model).items()}
    state["0.weight"] = np.zeros((4, 5))
    with pytest.raises(StateMismatch, match=r"0\.weight has shape \(4, 5\), the model needs \(5, 4\)") as caught:
        from_torch(state, model, strict=False)
    assert len(str(caught.value)) < 300
    assert "more" in str(caught.value)


def test_renaming_by_beginnings_names_and_functions() -> None:
    model, twin = _model(), _model()
    state = _state(model)
    from_torch(state, twin)
    foreign = {f"backbone.{key}": value for key, value in state.items()} | {"head.weight": np.zeros(3)}
    for rename in ({"backbone": "", "head": None}, lambda n: n.removeprefix("backbone.") if n[0] == "b" else None):
        from_torch(foreign, model, rename=rename)
        for name, value in twin.state_dict().items():
            np.testing.assert_array_equal(model.state_dict()[name], value)
    wrapped = {f"module.{key}": value for key, value in state.items()}
    assert from_torch({"epoch": 3, "state_dict": wrapped}, model).loaded == tuple(torch_names(model))
    with pytest.raises(StateMismatch, match="twice"):
        from_torch(state, model, rename=lambda name: "same")


def test_tied_weights_are_read_once_and_must_agree() -> None:
    first = nn.Linear(3, 3, rng=0)
    model = nn.ModuleDict({"a": first, "b": first})
    state = {f"{side}.{key}": value for side in "ab" for key, value in _state(nn.Linear(3, 3, rng=0)).items()}
    from_torch(state, model)
    del state["b.weight"]
    from_torch(state, model)
    np.testing.assert_allclose(first.weight.numpy(), state["a.weight"].T.astype(np.float32))
    state["b.weight"] = state["a.weight"] + 1.0
    with pytest.raises(StateMismatch, match="tied"):
        from_torch(state, model)


def test_without_torch_messages_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(errors_module, "import_module", refuse)
    (tmp_path / "w.pt").write_bytes(b"")
    with pytest.raises(MissingTorch, match="pip install torch"):
        from_torch(tmp_path / "w.pt", _model())
    with pytest.raises(MissingTorch, match="pip install torch"):
        to_torch(_model(), object())


def test_shared_memory_is_read_only_where_the_consumer_knows_it() -> None:
    x = mg.tensor(np.arange(6.0).reshape(2, 3))
    seen = np.from_dlpack(x, copy=False)  # type: ignore[arg-type]
    assert np.shares_memory(seen, x.numpy())
    assert not seen.flags.writeable
    copied = np.from_dlpack(x)  # type: ignore[arg-type]
    assert not np.shares_memory(copied, x.numpy())
    parameter = nn.parameter(np.ones(3))
    with pytest.raises(TypeError, match="requires a gradient"):
        np.from_dlpack(parameter)  # type: ignore[arg-type]
