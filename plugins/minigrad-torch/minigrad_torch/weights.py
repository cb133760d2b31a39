"""Read numbers from modules, state dicts, checkpoints and safetensors files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import safetensors

from minigrad.typing import Array
from minigrad_torch.errors import UnreadableWeights, load_torch

__all__ = ["Source", "read_weights", "to_array"]

Source: TypeAlias = "str | PathLike[str] | Mapping[str, Any] | Any"
"""A `torch.nn.Module`, a state dict of tensors or arrays, or a file."""

_INDEX = ".safetensors.index.json"
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8",
    "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip
_NESTED = ("state_dict", "model_state_dict", "model", "module")
"""Where checkpoints of training loops keep the weights, beside optimizer and epoch."""


def read_weights(source: Source) -> dict[str, Array]:
    """All numbers by name, as arrays; bfloat16 becomes float32, which holds it exactly.

    Args:
        source: a module, a state dict, the path of a `.safetensors` file, of its `.safetensors.index.json` where it is
            in parts, of the folder with that index, or of a checkpoint that `torch.load` opens (`weights_only=True`:
            nothing in it is run).

    Raises:
        UnreadableWeights: a file is damaged, a part is missing, or an entry is no array of numbers.
        MissingTorch: the file is no safetensors file, and PyTorch is not installed.
    """
    if isinstance(source, str | PathLike):
        return _read_path(Path(source))
    state = source if isinstance(source, Mapping) else source.state_dict()
    return _arrays(state)


def _read_path(path: Path) -> dict[str, Array]:
    if path.is_dir():
        indices = sorted(path.glob(f"*{_INDEX}")) or sorted(path.glob("*.safetensors"))
        if len(indices) != 1:
            names = ", ".join(i.name for i in indices[:4]) or "none"
            raise UnreadableWeights(f"{path}: one *.safetensors or *{_INDEX} is needed in a folder, there is {names}")
        path = indices[0]
    if path.name.endswith(_INDEX):
        return dict(_read_parts(path))
    if path.suffix == ".safetensors":
        return dict(_read_safetensors(path))
    torch = load_torch(f"reading {path.name}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch raises whatever its unpickler meets
        said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UnreadableWeights(f"{path}: torch.load cannot read weights from it: {said}") from error
    if not isinstance(state, Mapping):
        raise UnreadableWeights(f"{path}: it holds a {type(state).__name__}, not a state dict")
    return _arrays(state)


def _read_parts(index: Path) -> Iterator[tuple[str, Array]]:
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        parts: dict[str, set[str]] = {}
        for name, part in places.items():
            parts.setdefault(part, set()).add(name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableWeights(f"{index}: no index of parts: a 'weight_map' of names to files is needed") from error
    for part, names in sorted(parts.items()):
        if Path(part).name != part:
            raise UnreadableWeights(f"{index}: the part {part!r} is not a file name; parts lie beside their index")
        arrays = dict(_read_safetensors(index.with_name(part)))
        absent = sorted(names - arrays.keys())
        if absent:
            raise UnreadableWeights(f"{part}: the index says that {absent[0]} is in it ({len(absent)} absent)")
        yield from ((name, arrays[name]) for name in sorted(names))


def _read_safetensors(path: Path) -> Iterator[tuple[str, Array]]:
    try:
        entries = safetensors.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise UnreadableWeights(f"{path}: not a whole safetensors file: {str(error)[:120]}") from error
    for name, entry in entries:
        yield name, _decode(path, name, entry["dtype"], entry["data"]).reshape(entry["shape"])


def _decode(path: Path, name: str, dtype: str, raw: bytes) -> Array:
    if dtype == "BF16":  # the upper half of a float32
        halves = np.frombuffer(raw, "<u2").astype(np.uint32)
        return (halves << 16).view(np.float32)
    if dtype not in _DTYPES:
        raise UnreadableWeights(f"{path.name}: {name} is of dtype {dtype}; convert it to float32, float16 or bfloat16")
    array: Array = np.frombuffer(raw, _DTYPES[dtype])
    return array


def _arrays(state: Mapping[str, Any]) -> dict[str, Array]:
    for key in _NESTED:
        inner = state.get(key)
        if isinstance(inner, Mapping):
            state = inner
    return {str(name): to_array(str(name), value) for name, value in state.items() if not _is_note(value)}


def _is_note(value: object) -> bool:
    """Whether an entry of a state dict is no array at all, such as a version number."""
    return value is None or isinstance(value, str | bytes | int | float | bool)


def to_array(name: str, value: Any) -> Array:
    """The numbers of a tensor or array.

    Raises:
        UnreadableWeights: there are none: a tensor on the meta device, a sparse or quantized one, or no array.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        if value.is_meta or value.is_quantized or value.layout is not torch.strided:
            kind = "has no numbers (device meta)" if value.is_meta else "is sparse or quantized: call to_dense() on it"
            raise UnreadableWeights(f"{name} {kind}")
        value = value.detach().cpu()
        value = value.float() if value.dtype is torch.bfloat16 else value
        value = value.resolve_conj().resolve_neg().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise UnreadableWeights(f"{name} is no array of real numbers: {type(value).__name__} of dtype {array.dtype}")
    return array
