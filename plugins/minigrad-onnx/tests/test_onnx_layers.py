"""Every layer of `nn` as an ONNX file: the checker, onnxruntime, batches of other sizes, and the way back."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad_onnx import export_onnx, import_onnx

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install onnxruntime")
cases = pytest.importorskip("support.nn_cases")
named = pytest.importorskip("support.nn_named_cases")
pytestmark = pytest.mark.filterwarnings("ignore")


@attrs.define(eq=False)
class Called(nn.Module):
    """A layer with options for its call."""

    layer: Any
    options: dict[str, Any]

    def forward(self, *inputs: Any) -> Any:
        return self.layer(*inputs, **self.options)


def _all_cases():
    for case in cases.CASES:
        yield pytest.param(lambda c=case: (c.layer(), [c.input()]), id=case.name)
    for case in named.CASES:
        if not case.lengths:
            yield pytest.param(lambda c=case: (Called(c.ours(), dict(c.call)), c.inputs()), id=f"{case.name}, named")


def run_file(proto: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs, strict=True)})


def as_tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def assert_near(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def _batches(layer: nn.Module, inputs: list[np.ndarray], dynamic: bool):
    if not dynamic:
        yield inputs
        return
    alone = any("Norm" in type(m).__name__ and not getattr(m, "track_running_stats", True) for m in layer.modules())
    for count in (len(inputs[0]), 4) if alone else (len(inputs[0]), 4, 1):
        yield [x[np.arange(count) % len(x)] for x in inputs]


@pytest.mark.parametrize("build", list(_all_cases()))
def test_a_layer_agrees_with_onnxruntime_for_any_batch(build, tmp_path):
    layer, inputs = build()
    layer = layer.astype(np.float32).eval()
    inputs = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in inputs]
    path = tmp_path / "layer.onnx"
    masks = layer.options.values() if isinstance(layer, Called) else ()
    # A mask of three axes has one for each row and head.
    dynamic = not any(np.ndim(m) == 3 or (np.ndim(m) == 2 and len(m) == len(inputs[0])) for m in masks)
    proto = export_onnx(layer, inputs, path, dynamic_batch=dynamic)
    back = import_onnx(path)
    for batch in _batches(layer, inputs, dynamic):
        with mg.no_grad():
            ours = as_tuple(layer(*map(mg.tensor, batch)))
            again = as_tuple(back(*(mg.tensor(x) if x.dtype.kind == "f" else x for x in batch)))
        for y, z, w in zip(ours, again, run_file(proto, batch), strict=True):
            assert_near(y.numpy(), w)
            assert_near(np.asarray(z), w)
