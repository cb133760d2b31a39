"""copy, deepcopy and pickle of Tensors, ops and modules; integer Tensors as indices; hints for missing attributes."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core import MinigradError, Tensor, tensor
from minigrad.ops.numpy.attribute_hints import ATTRIBUTE_HINTS, suggest
from minigrad.typing import Array

NUMBERS = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def _model() -> nn.Sequential:
    with nn.seeded(0):
        shared = nn.Linear(4, 4, weight_init=nn.normal(0.1))
        return nn.Sequential(nn.Linear(3, 4), mg.relu, shared, nn.BatchNorm1d(4), nn.Dropout(0.5), shared).eval()


def test_constants_and_leaves_come_back() -> None:
    for t in (tensor(NUMBERS), tensor(NUMBERS, requires_grad=True), tensor([1, 2]), tensor(3.0)):
        for made in (copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
            assert np.array_equal(made.numpy(), t.numpy())
            assert (made.dtype, made.requires_grad) == (t.dtype, t.requires_grad)


def test_a_shallow_copy_of_a_leaf_is_the_leaf_and_a_deep_one_is_not() -> None:
    t = tensor(NUMBERS, requires_grad=True)
    shallow, deep = copy.copy(t), copy.deepcopy(t)
    (shallow * deep).sum().backward()
    for leaf in (t, shallow, deep):
        assert leaf.grad is not None
        assert np.array_equal(leaf.grad.numpy(), NUMBERS)
    again = pickle.loads(pickle.dumps(t))
    assert again.grad is None


def test_a_computed_tensor_is_copied_shallowly_only() -> None:
    y = tensor(NUMBERS, requires_grad=True) * 2.0
    assert copy.copy(y)._node is y._node
    for refused in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"computed from others: use \.detach\(\)"):
            refused(y)
    assert np.array_equal(copy.deepcopy(y.detach()).numpy(), y.numpy())


def test_modules_come_back_with_mode_ties_and_generators() -> None:
    model = _model()
    x = tensor(NUMBERS)
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert not made.training
        assert np.array_equal(made(x).numpy(), model(x).numpy())
        assert [n for n, _ in made.named_parameters()] == [n for n, _ in model.named_parameters()]
        assert made[2] is made[5]
        assert made[1] is mg.relu
        assert not {id(p) for p in made.parameters()} & {id(p) for p in model.parameters()}
        made.train()(x)  # moves running figures and draws a mask: of the copy alone
        name = "layers.3.running_mean"
        assert not np.array_equal(made.state_dict()[name], model.state_dict()[name])
    shallow = copy.copy(model)
    assert [id(p) for p in shallow.parameters()] == [id(p) for p in model.parameters()]
    masks = [np.asarray(m.train()(x).numpy()) for m in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)))]
    assert np.array_equal(masks[0], masks[1])


def test_what_is_unpickled_works_in_a_new_process(tmp_path: object) -> None:
    data = pickle.dumps({"t": tensor(NUMBERS), "op": mg.relu, "late": mg.erf})
    code = (
        "import pickle, sys\n"
        f"d = pickle.loads({data!r})\n"
        "assert (d['t'] + 1).sum().item() == 21.0\n"
        "import minigrad as mg\n"
        "assert d['op'] is mg.relu and d['late'] is mg.erf\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_integer_scalars_are_indices() -> None:
    letters = ["a", "b", "c"]
    assert letters[tensor(2)] == "c"
    assert list(range(tensor(3, dtype=np.int32))) == [0, 1, 2]
    for wrong in (tensor(2.0), tensor([1])):
        with pytest.raises(TypeError, match="only an integer Tensor without axes can be an index"):
            letters[wrong]


WORD = re.compile(r"\b(minigrad|numpy|t)((?:\.[a-z_A-Z]+\w*)+)")


def _exists(root: str, path: list[str], t: Tensor) -> bool:
    value: object = {"minigrad": mg, "numpy": np, "t": t}[root]
    for part in path:
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
        if callable(value) and root == "t" and part in ("detach", "numpy"):
            value = value()
    return True


@pytest.mark.parametrize("name", ATTRIBUTE_HINTS)
def test_hints_name_what_exists(name: str) -> None:
    t = tensor(NUMBERS)
    assert not hasattr(t, name)
    with pytest.raises(AttributeError, match=re.escape(f"a Tensor has no .{name}: {ATTRIBUTE_HINTS[name]}")):
        getattr(t, name)
    for root, path in WORD.findall(ATTRIBUTE_HINTS[name]):
        assert _exists(root, path.split(".")[1:], t), f"{root}{path}"


TORCH_METHODS = [
    "sigmoid",
    "tanh",
    "relu",
    "exp",
    "log",
    "sin",
    "cos",
    "softmax",
    "log_softmax",
    "isnan",
    "isinf",
    "isfinite",
    "floor",
    "ceil",
    "sqrt",
    "rsqrt",
    "square",
    "erf",
    "logsumexp",
    "median",
    "quantile",
    "topk",
    "gather",
    "scatter_add",
    "masked_fill",
    "masked_select",
    "index_select",
    "norm",
    "minimum",
    "maximum",
    "fmod",
    "remainder",
    "atan2",
    "logaddexp",
    "lerp",
    "outer",
    "inner",
    "dot",
    "matmul",
    "tril",
    "triu",
    "flip",
    "roll",
    "tile",
    "split",
    "cumprod",
    "diff",
    "frac",
    "trunc",
    "hypot",
    "nan_to_num",
    "nansum",
    "nanmean",
    "sinh",
    "cosh",
    "tan",
    "sign",
    "signbit",
    "bincount",
    "histogram",
    "count_nonzero",
    "argwhere",
    "cross",
    "kron",
    "logcumsumexp",
    "silu",
    "softplus",
    "unfold",
    "var",
    "std",
    "double",
    "pow",
    "abs",
    "add",
    "sub",
]


@pytest.mark.parametrize("name", TORCH_METHODS)
def test_torchs_methods_are_answered_with_a_function_that_exists(name: str) -> None:
    t = tensor(NUMBERS)
    if hasattr(t, name):
        return
    with pytest.raises(AttributeError) as caught:
        getattr(t, name)
    words = WORD.findall(str(caught.value).partition(":")[2])
    if not words:
        assert "Did you mean" in str(caught.value) or ":" in str(caught.value), str(caught.value)
    for root, path in words:
        assert _exists(root, path.split(".")[1:], t), str(caught.value)


def test_no_hint_promises_what_is_not_there() -> None:
    names = {n for n in dir(np) if not n.startswith("_")} | set(mg.__all__)
    t = tensor(NUMBERS)
    for name in sorted(names):
        for root, path in WORD.findall(suggest(name, [])):
            assert _exists(root, path.split(".")[1:], t), f"{name}: {root}{path}"
            if root == "numpy" and path[1:] == name and name not in ATTRIBUTE_HINTS:
                assert callable(getattr(np, name))
    assert suggest("sigmoid", []) == ": use minigrad.sigmoid(t, ...)"
    assert suggest("isnan", []) == ": use numpy.isnan(t, ...), which gives a plain array"
    assert "train" not in suggest("train", ["T"])


@pytest.mark.parametrize("name", ["real", "positive", "nonzero", "unit", "distinct", "boolean"])
def test_a_domain_is_no_function_of_tensors(name: str) -> None:
    given: Array
    for given in (tensor(NUMBERS), NUMBERS, [1.0, 2.0]):  # type: ignore[assignment]
        with pytest.raises(MinigradError, match=f"minigrad.{name} names a domain"):
            getattr(mg, name)(given)
    assert getattr(mg, name)((2, 3)).shape == (2, 3)


def test_a_plot_takes_a_tensor() -> None:
    pytest.importorskip("matplotlib")
    axes = import_module("matplotlib.figure").Figure().add_subplot()
    (line,) = axes.plot(tensor([1.0, 2.0]), tensor([3.0, 4.0]))
    assert np.array_equal(line.get_ydata(), [3.0, 4.0])
