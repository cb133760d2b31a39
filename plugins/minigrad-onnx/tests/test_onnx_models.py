"""Whole models: the examples, raw rows, refusals with the user's line, files that others wrote."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import importlib
from typing import Any

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn
from minigrad.examples.char_lstm import LENGTH
from minigrad.examples.char_transformer import Transformer
from minigrad_onnx import MissingOnnx, OnnxExportError, OnnxImportError, export_onnx, import_onnx
from minigrad_onnx import errors as errors_module

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore")


def _run(proto: Any, *inputs: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs, strict=True)})


EXAMPLES = ("fashion_conv", "fashion_mlp", "linear_svm", "spiral", "oscillator", "char_lstm", "char_transformer")
"""Those that have a model: the others count, or fit matrices."""


@attrs.define(eq=False)
class Oscillator(nn.Module):
    """What the example of that name differentiates: 1 at first, at rest."""

    net: nn.Module

    def forward(self, t: Any) -> Any:
        return 1.0 + mg.tanh(t) ** 2 * self.net(t * 0.5 - 1.0)


def build_example(name: str) -> tuple[nn.Module, np.ndarray]:
    letters = np.random.default_rng(0).integers(0, 20, (3, LENGTH))
    if name == "oscillator":
        net = nn.mlp(1, [32, 32], 1, activation="tanh", rng=0)
        return Oscillator(net), np.linspace(0.0, 4.0, 9, dtype=np.float32)[:, None]
    if name == "char_transformer":
        return Transformer(20, depth=1), letters
    if name == "char_lstm":
        rng = np.random.default_rng(0)
        return nn.Sequential(nn.Embedding(20, 8, rng=rng), nn.LSTM(8, 16, rng=rng), nn.Linear(16, 20, rng=rng)), letters
    module = importlib.import_module(f"minigrad.examples.{name}")
    rows = module.data[1] if isinstance(module.data, tuple) else module.data.x_val
    return module.model, rows[:3]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_agrees_with_onnxruntime(name):
    model, x = build_example(name)
    proto = export_onnx(model, x)
    with model.mode(training=False), mg.no_grad():
        np.testing.assert_allclose(_run(proto, x)[0], model(mg.tensor(x)).numpy(), rtol=1e-5, atol=1e-5)
    assert {p.name for p in proto.graph.initializer} >= {n for n, p in model.named_parameters() if p.ndim > 1}


def test_raw_rows_go_through_the_scaling_of_the_data():
    digits = data.load("digits")
    scaling = digits.scaling("standard")
    model = nn.mlp(64, [8], 10, rng=0)
    raw = digits.x_val[:5].reshape(5, -1)
    proto = export_onnx(model, raw, scaling=scaling)
    expected = model(mg.tensor(scaling(raw)))
    np.testing.assert_allclose(_run(proto, raw)[0], expected.numpy(), rtol=1e-5, atol=1e-5)


@attrs.define(eq=False)
class Apply(nn.Module):
    """A function as a model."""

    function: Any

    def forward(self, x: Any) -> Any:
        return self.function(x)


_UNARY = ["abs", "negative", "exp", "log", "sqrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh",
          "arcsinh", "arctanh", "tanh", "sigmoid", "softplus", "softsign", "erf", "floor", "ceil", "rint", "sign",
          "reciprocal", "square", "log1p", "expm1", "exp2", "log2", "log10", "normal_cdf", "mean", "sum", "max", "min",
          "logsumexp", "var", "std", "norm", "softmax", "log_softmax", "trunc", "cbrt", "cot", "csch", "sech", "arccot",
          "arccsch", "erfc", "sinc"]  # fmt: skip
_CALLS = {
    **{name: getattr(mg, name) for name in _UNARY},
    "arccosh": lambda x: mg.arccosh(x + 1.0),
    "inverses of 1 / x": lambda x: mg.arccoth(x + 1.0) + mg.arcsec(x + 1.0) + mg.arccsc(x + 1.0),
    "hypot": lambda x: mg.hypot(x, x[:, ::-1]),
    "hypot of large numbers": lambda x: mg.hypot(x * 1e30, 1e30) / 1e30,
    "angles in all quadrants": lambda x: mg.arctan2(x - 0.5, x[:, ::-1] - 0.4),
    "remainders": lambda x: mg.mod(x - 0.5, 0.2) + mg.fmod(x - 0.5, 0.2) + mg.mod(0.5 - x, -0.2),
    "signs of zeros too": lambda x: mg.copysign(x, mg.where(x > 0.5, x - 0.7, x * -0.0)),
    "whole quotients": lambda x: x + (x - 0.5) // 0.2,
    "sums of exponentials": lambda x: mg.logaddexp(x, 90.0 * x[:, ::-1]) + mg.logaddexp2(x, -x),
    "the larger, NaN left out": lambda x: mg.fmax(_gaps(x), x[:, ::-1]) + mg.fmin(x[:, ::-1], _gaps(x)),
    "gaps filled": lambda x: mg.nan_to_num(_gaps(x), nan=7.0) + mg.nan_to_num(_gaps(1.0 / _gaps(x)), posinf=3.0),
    "determinant": lambda x: mg.linalg.det(mg.matmul(x[:, :, None], x[:, None, :]) + np.eye(4, dtype=np.float32)),
    "along an axis": lambda x: mg.take_along_axis(x, np.zeros(1, int) + np.arange(2)[None], axis=1) + x[:, :2],
    "sample variance": lambda x: mg.var(x, axis=1, ddof=1, keepdims=True),
    "cumsum": lambda x: mg.cumsum(x, axis=1),
    "cube": lambda x: x**3,
    "root": lambda x: x**0.3,
    "last column": lambda x: x[..., -1],
    "columns by number": lambda x: x[:, [2, 0, 2]],
    "new axes": lambda x: x[:, None, 1:, None],
    "written column": lambda x: _write(x, (slice(None), slice(1, 2)), 5.0),
    "outer": lambda x: mg.matmul(x[:, :, None], x[:, None, :]),
    "joined": lambda x: mg.concatenate([x, 2.0 * x], axis=0),
    "reduced over the batch": lambda x: mg.mean(x, axis=0),
    "clipped below": lambda x: mg.clip(x, 0.3, None),
    "clipped above": lambda x: mg.clip(x, None, 0.3),
    "chosen": lambda x: mg.where(x > 0.5, x, -x),
    "between": lambda x: mg.where(np.logical_and(x >= 0.3, np.logical_not(x > 0.7)), x, 0.0),
    "different": lambda x: mg.where(x != x[:1], x, 2.0),
    "as integers": lambda x: (x > 0.5).astype(np.float32) * x,
}


def _gaps(x: Any) -> Any:
    return mg.where(x > 0.6, np.nan, x)


def _write(x: Any, key: Any, value: float) -> Any:
    y = x * 1.0
    y[key] = value
    return y


@pytest.mark.parametrize("name", _CALLS)
def test_a_function_agrees_with_onnxruntime(name):
    x = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4)).astype(np.float32)
    proto = export_onnx(Apply(_CALLS[name]), x)
    back = import_onnx(proto)
    for rows in (x, np.concatenate([x, x[:2]])):
        expected = Apply(_CALLS[name])(mg.tensor(rows)).numpy()
        (y,) = _run(proto, rows)
        assert y.shape == expected.shape
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(np.asarray(back(mg.tensor(rows))), expected, rtol=1e-5, atol=1e-5)


@attrs.define(eq=False)
class Strange(nn.Module):
    """Calls an op that ONNX does not know."""

    def forward(self, x: Any) -> Any:
        return mg.tensor(1.0) + mg.logcumsumexp(x)


@attrs.define(eq=False)
class Counting(nn.Module):
    """Computes with the number of rows in a way that no shape tells."""

    def forward(self, x: Any) -> Any:
        return x * np.linspace(0.0, 1.0, len(x), dtype=np.float32)[:, None]


def test_an_op_without_a_counterpart_is_named_with_the_users_line():
    with pytest.raises(
        OnnxExportError, match=r"op 'logcumsumexp' has no counterpart in ONNX.*test_onnx_models\.py:\d+"
    ) as caught:
        export_onnx(Strange(), np.ones((2, 3), np.float32))
    assert len(str(caught.value)) < 300


def test_what_depends_on_the_batch_otherwise_is_refused_unless_it_is_fixed():
    x = np.arange(8.0, dtype=np.float32).reshape(4, 2)
    with pytest.raises(OnnxExportError, match="dynamic_batch=False"):
        export_onnx(Counting(), x)
    proto = export_onnx(Counting(), x, dynamic_batch=False)
    np.testing.assert_allclose(_run(proto, x)[0], Counting()(mg.tensor(x)).numpy())


def test_names_and_shapes_of_the_file():
    model = nn.mlp(3, [], 2, rng=0)
    proto = export_onnx(model, np.zeros((1, 3), np.float32), input_names=["rows"], output_names=["scores"])
    (x,), (y,) = proto.graph.input, proto.graph.output
    assert (x.name, y.name) == ("rows", "scores")
    assert x.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [d.dim_value for d in y.type.tensor_type.shape.dim][1:] == [2]
    with pytest.raises(OnnxExportError, match="2 names for 1 inputs"):
        export_onnx(model, np.zeros((1, 3), np.float32), input_names=["a", "b"])


def test_an_imported_model_trains():
    model = nn.mlp(2, [8], 3, rng=0)
    spiral = data.spiral(60, classes=3, noise=0.1, seed=0)
    x, y = spiral.x_train.astype(np.float32), spiral.y_train
    back = import_onnx(export_onnx(model, x[:2]))
    ours, theirs = (nn.cross_entropy(m(mg.tensor(x)), y) for m in (model, back))
    ours.backward()
    theirs.backward()
    for name, p in model.named_parameters():
        grad, twin = p.grad, back.weights[name].grad
        assert grad is not None
        assert twin is not None
        np.testing.assert_allclose(twin.numpy(), grad.numpy(), rtol=1e-5, atol=1e-7)
    optimizer = mg.optimizer("adam", back.parameters(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.cross_entropy(back(mg.tensor(x)), y)
        loss.backward()
        optimizer.step()
    assert float(loss) < float(theirs)


def _foreign() -> tuple[Any, np.ndarray]:
    """A graph of the operators that other exporters write: convolutions with a bias, Gemm, normalizations."""
    h, rng = onnx.helper, np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(4, 1, 3, 3)), "b": rng.normal(size=4), "scale": rng.normal(size=4),
        "shift": rng.normal(size=4), "mean": rng.normal(size=4), "var": rng.random(4) + 0.5,
        "gemm": rng.normal(size=(5, 4)), "bias": rng.normal(size=5), "norm": rng.normal(size=5),
        "up": rng.normal(size=(4, 2, 2, 2)),
    }  # fmt: skip
    nodes = [
        h.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 1]),
        h.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"]),
        h.make_node("LeakyRelu", ["n"], ["r"], alpha=0.2),
        h.make_node("AveragePool", ["r"], ["a"], kernel_shape=[2, 2], pads=[0, 1, 1, 0]),
        h.make_node("ConvTranspose", ["a", "up"], ["t"], strides=[2, 2], group=2),
        h.make_node("MaxPool", ["t"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        h.make_node("GlobalAveragePool", ["m"], ["g"]),
        h.make_node("Flatten", ["g"], ["f"]),
        h.make_node("Gemm", ["f", "gemm", "bias"], ["s"], transB=1, alpha=0.5),
        h.make_node("LayerNormalization", ["s", "norm"], ["l"]),
        h.make_node("Gelu", ["l"], ["y"]),
    ]
    info = h.make_tensor_value_info
    graph = h.make_graph(
        nodes,
        "foreign",
        [info("x", onnx.TensorProto.FLOAT, ["n", 1, 7, 6])],
        [info("y", onnx.TensorProto.FLOAT, ["n", 5])],
        [onnx.numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
    )
    opset = h.make_opsetid("", 20)
    proto = h.make_model(graph, opset_imports=[opset], ir_version=h.find_min_ir_version_for([opset]))
    return proto, rng.normal(size=(3, 1, 7, 6)).astype(np.float32)


def test_a_file_of_another_exporter_is_read():
    proto, x = _foreign()
    model = import_onnx(proto)
    np.testing.assert_allclose(model(mg.tensor(x)).numpy(), _run(proto, x)[0], rtol=1e-4, atol=1e-5)
    assert len(model.parameters()) == 10


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(OnnxImportError, match="not a valid ONNX model"):
        import_onnx(tmp_path / "bad.onnx")
    proto, x = _foreign()
    proto.graph.node[2].op_type = "LeakyRelo"
    with pytest.raises(OnnxImportError, match=r"LeakyRelo is not read\. Did you mean 'LeakyRelu'"):
        import_onnx(proto)
    model = import_onnx(_foreign()[0])
    with pytest.raises(OnnxImportError, match="node Conv that gives 'c' cannot run"):
        model(mg.tensor(x[:, :, 0]))


def test_without_onnx_messages_say_how_to_get_it(monkeypatch):
    def refuse(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(errors_module, "import_module", refuse)
    with pytest.raises(MissingOnnx, match="pip install onnx"):
        export_onnx(nn.mlp(2, [], 2, rng=0), np.zeros((1, 2), np.float32))
