"""Every public function takes lists and numbers for arrays, and refuses by name what is no numbers.

Calls are made from the annotations, so that a new function is tried too.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import lazy
from minigrad.api import PUBLIC
from minigrad.ops.option_values import is_checked
from minigrad.ops.public_functions import accept_lists
from minigrad.typing import Shape, V

SHAPES: list[Shape] = [(), (2,), (2, 2), (2, 3, 2), (1, 2, 4, 4)]
EMPTY = inspect.Parameter.empty
JUNK: dict[str, Any] = {
    "None": None,
    "text": "abc",
    "dict": {"a": 1.0},
    "object": object(),
    "ragged": [[1.0, 2.0], [3.0]],
    "texts": ["a", "b"],
    "set": {1.0, 2.0},
    "array of texts": np.array(["a", "b"]),
    "array of objects": np.array([None, 1.0]),
}


def _functions() -> dict[str, Callable[..., Any]]:
    names = {n: getattr(mg, n) for n, (module, _) in lazy.parse("minigrad", PUBLIC).items() if ".ops." in module}
    for package in (mg.linalg, mg.fft):
        names |= {f"{package.__name__.rpartition('.')[2]}.{n}": getattr(package, n) for n in package.__all__}
    return {n: f for n, f in sorted(names.items()) if callable(f) and not inspect.isclass(f)}


SIGNED = ("hinge_embedding_loss", "margin_ranking_loss", "soft_margin_loss")
"""Losses whose y is 1 or -1."""
UNLIKE = ("dropout", "dropout_mask", "einsum", "gumbel_softmax", "odeint", "random_normal", "random_uniform")
"""Functions that draw numbers, or take a text or a function that a call cannot be made up for."""
free: Any = mg
"""For calls that a type checker would refuse."""
FUNCTIONS = {n: f for n, f in _functions().items() if n not in UNLIKE}


def _is_array(annotation: str) -> bool:
    return bool({"V", "Array", "IndexArray", "BoolArray"} & set(annotation.split(" | ")))


def _value(annotation: str, shape: Shape) -> Any:
    entries = int(np.prod(shape))
    if "Callable" in annotation:
        return [] if annotation.startswith("Sequence") else lambda *arrays: arrays[0]
    if "Sequence[V]" in annotation:
        return [_value("V", shape), _value("V", shape) + 0.25]
    if "Sequence[BoolArray]" in annotation:
        return [_value("BoolArray", shape)]
    if "BoolArray" in annotation:
        return np.arange(entries).reshape(shape) % 2 == 0
    if "IndexArray" in annotation:
        return np.zeros(shape[:1], int)
    if _is_array(annotation):
        return (np.linspace(0.25, 0.75, entries) if entries > 1 else np.full(1, 0.5)).reshape(shape)
    if annotation == "object":
        return None
    return {"str": "mean", "float": 0.5, "bool": False}.get(annotation, 1 if annotation.startswith("int") else (2,))


def _arguments(function: Callable[..., Any], shape: Shape) -> dict[str, Any]:
    """Values for the parameters without a default; all arrays of one shape."""
    if isinstance(function, mg.Op):
        options = {n: _value("int", shape) for n in function.required}
        return {a.name: _value("V" if a.differentiable else "IndexArray", shape) for a in function.arguments} | options
    parameters = inspect.signature(function).parameters.values()
    needed = [p for p in parameters if p.default is EMPTY and p.kind is not p.VAR_KEYWORD]
    values = {p.name: _value(str(p.annotation), shape) for p in needed}
    if function.__name__ in SIGNED:
        values["y"] = np.ones(shape)
    return values


def _call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    if isinstance(function, mg.Op):
        names = [a.name for a in function.arguments if a.name in arguments]
        return function(*(arguments[n] for n in names), **{k: v for k, v in arguments.items() if k not in names})
    parameters = inspect.signature(function).parameters
    rest = [n for n, p in parameters.items() if p.kind is p.VAR_POSITIONAL]
    if not rest or rest[0] not in arguments:
        return function(**arguments)
    before = [n for n in list(parameters)[: list(parameters).index(rest[0])] if n in arguments]
    named = {k: v for k, v in arguments.items() if k not in (*before, rest[0])}
    return function(*(arguments[n] for n in before), arguments[rest[0]], **named)


def _flat(result: Any) -> Iterator[Any]:
    if isinstance(result, tuple | list):
        for r in result:
            yield from _flat(r)
    elif isinstance(result, mg.fft.Complex):
        yield from _flat((result.real, result.imag))
    else:
        yield result.detach().numpy() if isinstance(result, mg.Tensor) else np.asarray(result)


def _outcome(function: Callable[..., Any], arguments: dict[str, Any]) -> list[Any] | type[Exception]:
    """The arrays of a call, or the error that it raises."""
    with np.errstate(all="ignore"):
        try:
            return list(_flat(_call(function, arguments)))
        except (mg.MinigradError, ValueError) as error:  # no TypeError, AttributeError, IndexError of Python's own
            return type(error)


def _as_list(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [v.tolist() for v in value] if isinstance(value, list) else value


def _require_same(name: str, shape: Shape, left: Any, right: Any) -> None:
    if isinstance(left, type) or isinstance(right, type):
        assert (isinstance(left, type), isinstance(right, type)) == (True, True), (name, shape, left, right)
        return
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), (name, shape)
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-300, err_msg=f"{name} {shape}")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lists_and_numbers_are_arrays(name: str) -> None:
    function, worked = FUNCTIONS[name], 0
    for shape in SHAPES if name != "take" else SHAPES[1:]:  # a number has no axis to take from
        arguments = _arguments(function, shape)
        expected = _outcome(function, arguments)
        worked += not isinstance(expected, type)
        lists = {k: _as_list(v) for k, v in arguments.items()}
        _require_same(name, shape, _outcome(function, lists), expected)
        tensors = {k: mg.tensor(v) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
                   for k, v in arguments.items()}  # fmt: skip
        first = next((k for k, v in tensors.items() if isinstance(v, mg.Tensor)), None)
        if first is not None and not isinstance(expected, type):
            mixed = {k: tensors[k] if k == first else _as_list(v) for k, v in arguments.items()}
            _require_same(name, shape, _outcome(function, mixed), _outcome(function, tensors))
    assert worked or name in NEVER_BY_ONE_SHAPE, f"{name}: no shape fits, so nothing was compared"


def test_functions_whose_arrays_have_several_shapes() -> None:
    calls: list[Callable[[Callable[[Any], Any]], Any]] = [
        lambda a: free.gather(a([[1.0, 2.0], [3.0, 4.0]]), 1, a([[0, 0], [1, 0]])),
        lambda a: free.cosine_embedding_loss(a([[1.0, 2.0]]), a([[3.0, 4.0]]), a([-1.0])),
        lambda a: free.ctc_loss(a(np.full((4, 1, 3), -1.0).tolist()), a([[1, 2]]), a([4]), a([2])),
        lambda a: free.linalg.cholesky(a([[2.0, 1.0], [1.0, 3.0]])),
        lambda a: free.linalg.solve_banded((0, 1), a([[0.0, 1.0], [2.0, 3.0]]), a([1.0, 2.0])),
        lambda a: free.block_diag(a([[1.0, 2.0]]), a([[3.0]])),
        lambda a: free.einsum("ij,j->i", a([[1.0, 2.0]]), a([3.0, 4.0])),
        lambda a: free.cross_entropy(a([[1.0, 2.0], [3.0, 0.0]]), a([0, 1])),
        lambda a: free.take(a([1.0, 2.0]), a([])),
    ]
    for call in calls:
        np.testing.assert_array_equal(call(lambda values: values), call(np.asarray) if call is not calls[-1] else [])


NEVER_BY_ONE_SHAPE = {"astype", "cosine_embedding_loss", "ctc_loss", "gather", "gru", "linalg.cholesky",
                      "linalg.solve_banded", "piecewise", "block_diag"}  # fmt: skip
"""Functions that no arrays of one shape fit."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_junk_is_refused_by_name(name: str) -> None:
    function = FUNCTIONS[name]
    if isinstance(function, mg.Op):
        arrays, shown = {a.name: "V" for a in function.arguments}, function.name
    else:
        shown = name.rpartition(".")[2]
        arrays = {n: str(p.annotation) for n, p in inspect.signature(function).parameters.items()
                  if _is_array(str(p.annotation))}  # fmt: skip
    for target, annotation in arrays.items():
        for kind, junk in JUNK.items():
            if (kind == "None" and "None" in annotation) or ("Sequence" in annotation and kind == "ragged"):
                continue
            for shape in ((2,), (2, 2)):
                arguments = _arguments(function, shape) | {target: junk}
                error = _error_of(function, arguments)
                if kind.startswith("array") and (error is None or isinstance(error, ValueError)):
                    continue  # what only moves entries moves texts too, and the shape may be looked at first
                text = str(error)
                assert isinstance(error, mg.MinigradError), f"{name}({target}={kind}): {error!r}"
                assert len(text) < 300
                assert shown in text, text
                assert target in text, text


def _error_of(function: Callable[..., Any], arguments: dict[str, Any]) -> Exception | None:
    try:
        _call(function, arguments)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_axis_beyond_the_array_is_refused(name: str) -> None:
    function = FUNCTIONS[name]
    known = function.options if isinstance(function, mg.Op) else inspect.signature(function).parameters
    for option in {"axis", "axes", "axis1", "axis2", "source", "destination"} & set(known) - {
        *ARRAYS_AND_COUNTS.get(name, ())
    }:
        for shape in SHAPES[1:]:
            arguments = _arguments(function, shape)
            if isinstance(_outcome(function, arguments), type):
                continue
            for axis in (7, -8, (7,), (0, 7)):
                wrong = _outcome(function, arguments | {option: axis})
                assert isinstance(wrong, type), f"{name}({option}={axis}) is accepted for shape {shape}"


ARRAYS_AND_COUNTS = {"index_add": ["source"], "scatter_add": ["source"], "tensordot": ["axes"]}


WRONG: dict[str, list[Any]] = {
    "bool": ["yes", None, 2, 0.5, (True,), [0]],
    "int": [1.5, np.nan, "1", True, object()],
    "float": [np.nan, "1.0", True, object()],
    "str": [3, object(), ("mean",)],
    "Sequence[int]": [(1.5,), "ab", (True,), {1, 2}],
    "Sequence[float]": ["ab", ("a",), {1.0}],
    "tuple[int, int]": [(1.5, 2), "ab", 5.0],
    "Shape": [(1.5,), "ab", (None,)],
    "Axis": [1.5, "rows", True, (0.5,), ("a",)],
}
"""What an option of that annotation is not."""
OUT_OF_RANGE: dict[str, list[Any]] = {
    **{name: [0, -1, (-2,)] for name in ("kernel", "stride", "dilation", "window_shape", "step")},
    **{name: [-1] for name in ("eps", "lambd", "gamma", "num", "output_padding")},
    **{name: [0, -0.5] for name in ("p", "delta", "temperature")},
    "label_smoothing": [-0.5, 1.5],
    "groups": [0, -1],
    **{name: [np.inf, -np.inf] for name in ("margin", "ddof", "scale", "dx")},
}


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if not isinstance(f, mg.Op)])
def test_options_of_another_kind_or_out_of_range_are_refused(name: str) -> None:
    function = FUNCTIONS[name]
    for option, parameter in inspect.signature(function).parameters.items():
        annotation = str(parameter.annotation)
        if not is_checked(annotation) or parameter.kind is parameter.VAR_POSITIONAL or _is_array(annotation):
            continue
        words = annotation.split(" | ")
        wrong = [v for v in WRONG[words[0]] if not any(_is_right(v, word) for word in words)]
        for value in (*wrong, *OUT_OF_RANGE.get(option, ())):
            error = _error_of(function, _arguments(function, (2, 2)) | {option: value})
            assert isinstance(error, mg.MinigradError | ValueError), f"{name}({option}={value!r}): {error!r}"
            assert len(str(error)) < 300
            assert option in str(error), f"{name}({option}={value!r}): {error}"


def _is_right(value: Any, word: str) -> bool:
    """Whether a wrong value for one alternative of an annotation is right for another."""
    if word == "float" or "Sequence[float]" in word:
        return isinstance(value, float) and value == value
    return (value is None and word in ("None", "Axis")) or (isinstance(value, str) and word == "str")


def _call_loss(loss: str, labels: Any, options: dict[str, Any], make: Callable[[Any], Any]) -> Any:
    return getattr(free, loss)(make(np.zeros((3, 4))), labels, **options)


def _labels_and_targets() -> Iterator[tuple[str, Callable[[Callable[[Any], Any]], Any]]]:
    """Losses with labels, targets and weights out of range; the argument makes arrays or Tensors of scores."""
    scores, row, signs, shares = np.zeros((3, 4)), np.zeros(3), np.array([1.0, 0.0, -1.0]), np.array([0.5, 1.5, 0.0])
    losses = ("cross_entropy", "nll_loss", "multi_margin_loss", "multiclass_hinge", "softmax_focal_loss", "focal_loss",
              "softmax_cross_entropy")  # fmt: skip
    wrong = [[0, -1, 1], [0, 4, 1], [0.0, 1.0, 2.0], [[0], [1], [2]], [0, 1], [True, False, True]]
    for loss, labels in product(losses, wrong):
        yield f"{loss} {labels}", partial(_call_loss, loss, np.array(labels), {})
    for loss, weight in product(losses[:3], [[1, -1, 1, 1], [1, np.nan, 1, 1], [[1], [1], [1], [1]], [1, 1]]):
        options = {"weight": np.array(weight, float)}
        yield f"{loss} weight {weight}", partial(_call_loss, loss, np.arange(3), options)
    yield "hinge_embedding_loss", lambda a: free.hinge_embedding_loss(a(row), signs)
    yield "margin_ranking_loss", lambda a: free.margin_ranking_loss(a(row), row, signs)
    yield "binary_cross_entropy p", lambda a: free.binary_cross_entropy(a(shares), row)
    yield "binary_cross_entropy target", lambda a: free.binary_cross_entropy(a(row + 0.5), shares)
    yield "with logits", lambda a: free.binary_cross_entropy_with_logits(a(row), shares)
    yield "multilabel_soft_margin_loss", lambda a: free.multilabel_soft_margin_loss(a(row), shares)
    yield "kl_div", lambda a: free.kl_div(a(row), signs)
    yield "gaussian_nll_loss", lambda a: free.gaussian_nll_loss(a(row), row, signs)
    yield "gaussian_nll_loss column", lambda a: free.gaussian_nll_loss(a(row), row, np.ones((3, 1)))
    yield "tensordot", lambda a: free.tensordot(a(scores), scores, axes=-8)
    yield "eigh", lambda a: free.linalg.eigh(a(np.eye(2)), UPLO="X")
    yield "index_select", lambda a: free.index_select(a(scores), 1, np.array([True, False]))
    yield "expand_dims", lambda a: free.expand_dims(a(scores), (0, 0))


@pytest.mark.parametrize(("name", "call"), list(_labels_and_targets()), ids=lambda v: v if isinstance(v, str) else "")
def test_labels_targets_and_weights_out_of_range_are_refused(name: str, call: Any) -> None:
    for make in (np.asarray, mg.tensor):
        with pytest.raises((mg.MinigradError, ValueError)) as raised:
            call(make)
        assert len(str(raised.value)) < 300


def _ops_with_numbers() -> list[tuple[str, str]]:
    """Public ops and those of their options that are numbers: an op has no wrapper, and must look itself."""
    pairs = []
    for name in dir(mg):
        op = getattr(mg, name, None)
        if isinstance(op, mg.Op):
            options = inspect.signature(op.forward).parameters.values()
            pairs += [(name, o.name) for o in options if o.annotation == "float" and name != "nan_to_num"]
    return pairs


@pytest.mark.parametrize(("name", "option"), _ops_with_numbers())
@pytest.mark.parametrize("value", [np.nan, np.inf, True, "1"])
def test_numbers_of_ops_are_refused_by_name(name: str, option: str, value: object) -> None:
    for x in (np.ones(3), mg.tensor(np.ones(3), requires_grad=True)):
        with pytest.raises(mg.MinigradError, match=f"{name}: {option} must be"):
            getattr(mg, name)(x, **{option: value})


def test_a_cosine_is_one_at_most_whatever_broadcasts() -> None:
    x, z = np.array([[3.0, 4.0], [1.0, 2.0]]), np.array([[2.0], [-1.0]])
    wide = np.broadcast_to(z, x.shape)
    right = (x * wide).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(wide, axis=1)
    np.testing.assert_allclose(np.asarray(mg.cosine_similarity(x, z)), right, rtol=1e-14)
    np.testing.assert_allclose(np.asarray(mg.cosine_similarity(z, x)), right, rtol=1e-14)
    assert mg.gradcheck(lambda a, b: mg.cosine_similarity(a, b), x, z)


def test_options_are_refused_by_name() -> None:
    wrong: list[tuple[Callable[[], Any], str]] = [
        (lambda: free.softmax([1.0, 2.0], axis="rows"), "softmax: axis must be int"),
        (lambda: free.huber_loss([1.0], [2.0], delta=None), "huber_loss: delta must be float"),
        (lambda: free.dropout([1.0], 0.5, rng="seed"), "dropout: rng must be"),
        (lambda: free.apply_along_axis(None, 0, [1.0]), "apply_along_axis: func1d must be"),
    ]
    for call, text in wrong:
        with pytest.raises(mg.MinigradError, match=text.replace("(", r"\(")):
            call()


def test_a_number_takes_the_dtype_of_its_partner() -> None:
    x = np.array([1.0, 2.0], np.float32)
    assert free.mse_loss(x, 0.5).dtype == np.float32
    assert free.mse_loss(mg.tensor(x), 0.5).dtype == np.float32
    assert free.mse_loss(x, [0.5, 0.5]).dtype == np.float64
    assert free.huber_loss(np.array([3, 4]), 0.5) == free.huber_loss(np.array([3.0, 4.0]), 0.5)


def test_gradients_flow_out_of_lists() -> None:
    g = mg.grad(lambda t: free.logsumexp([t[0], t[1] * t[0]]))(np.array([0.5, 2.0]))
    expected = mg.grad(lambda t: free.logsumexp(free.stack([t[0], t[1] * t[0]])))(np.array([0.5, 2.0]))
    np.testing.assert_array_equal(np.asarray(g), np.asarray(expected))


def test_programs_take_lists() -> None:
    @mg.define
    def step(x: Any) -> Any:
        return free.mse_loss(free.softmax(x), [0.25, 0.75])

    x = np.array([0.5, 2.0])
    for scale in (1.0, 2.0):
        np.testing.assert_allclose(np.asarray(step(x * scale)), free.mse_loss(free.softmax(x * scale), [0.25, 0.75]))


def test_public_functions_are_pickled_by_their_public_name() -> None:
    for function in (mg.softmax, mg.convolve, mg.linalg.norm, mg.fft.rfft):
        assert pickle.loads(pickle.dumps(function)) is function


def test_a_wrapper_keeps_every_kind_of_parameter() -> None:
    def function(x: V, /, y: V, *rest: V, axis: int = 1, w: V | None = None, **more: object) -> Any:
        """Doc."""
        return x, y, rest, axis, w, more

    wrapper: Any = accept_lists("minigrad", "function", function)
    x, y, rest, axis, w, more = wrapper([1.0], 2.0, [3.0], axis=4, w=[5.0], z=6)
    assert [type(a) for a in (x, y, *rest, w)] == [np.ndarray] * 4
    assert (axis, more) == (4, {"z": 6})
    assert inspect.signature(wrapper) == inspect.signature(function)
    assert wrapper.__doc__ == "Doc."
