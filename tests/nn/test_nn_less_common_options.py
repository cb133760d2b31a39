"""Options that few reach for: second order, programs, what is refused, and what else to do instead.

Values and first gradients stand in `test_nn_named_layers` and `test_nn_named_losses`, against PyTorch's record.
"""

from __future__ import annotations

from collections.abc import Callable
from math import lgamma
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor, tensor
from minigrad.core.errors import IndexKeyError, ShapeError
from support.nn_named_cases import CASES, NamedCase, sum_of

NAMES = {
    "MultiheadAttention all options", "MultiheadAttention learnt key", "MaxPool2d dilated",
    "MaxPool2d dilated, to the end", "AvgPool2d divisor, to the end", "Softplus cut", "RMSNorm plain",
    "RMSNorm of two axes",
}  # fmt: skip
TRIED = [case for case in CASES if case.name in NAMES]


def _loss(case: NamedCase) -> Callable[..., Tensor]:
    """Of the inputs, with curvature."""
    layer = case.ours()

    def loss(*inputs: Tensor) -> Tensor:
        y = layer(*inputs, **case.call)
        outputs = list(y) if isinstance(y, tuple) else [y]
        total: Tensor = sum_of(outputs, lambda y, w: (y * y * w).sum())
        return total

    return loss


def test_all_cases_are_there() -> None:
    assert {case.name for case in TRIED} == NAMES


@pytest.mark.parametrize("case", TRIED, ids=lambda case: case.name)
def test_second_derivatives_agree_with_differences(case: NamedCase) -> None:
    loss, inputs = _loss(case), case.inputs()
    argnums = tuple(range(len(inputs)))
    assert mg.gradcheck(lambda *xs: mg.grad(loss, argnums=argnums)(*xs), *inputs)


@pytest.mark.parametrize("case", TRIED, ids=lambda case: case.name)
def test_programs_equal_eager_steps(case: NamedCase) -> None:
    loss, inputs = _loss(case), [tensor(x) for x in case.inputs()]
    step: Any = mg.value_and_grad(loss, argnums=tuple(range(len(inputs))))
    program: Any = mg.define(step)
    for factor in (1.0, 0.5):
        scaled = [tensor(factor * x.numpy()) for x in inputs]
        (value, slopes), (defined, others) = step(*scaled), program(*scaled)
        np.testing.assert_allclose(defined.numpy(), value.numpy(), rtol=1e-12)
        for a, b in zip(slopes, others, strict=True):
            np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("full", [True, False])
def test_full_likelihoods_are_those_of_the_distributions(full: bool) -> None:
    rng = np.random.default_rng(0)
    x, y, v = rng.normal(size=7), rng.normal(size=7), rng.uniform(0.1, 3.0, 7)
    ours = nn.GaussianNLLLoss(full=full, reduction="none")(tensor(x), y, tensor(v)).numpy()
    density = np.exp(-((x - y) ** 2) / (2.0 * v)) / np.sqrt((2.0 * np.pi if full else 1.0) * v)
    np.testing.assert_allclose(ours, -np.log(density), rtol=1e-12, atol=1e-14)
    counts, rates = np.array([0.0, 1.0, 20.0, 300.0]), np.array([0.5, 1.5, 18.0, 310.0])
    loss = nn.PoissonNLLLoss(log_input=False, full=full, eps=0.0, reduction="none")(tensor(rates), counts).numpy()
    factorials = [lgamma(n + 1.0) if full else 0.0 for n in counts]
    exact = rates - counts * np.log(rates) + factorials
    np.testing.assert_allclose(loss, exact, atol=1.0 / (12 * 20))  # Stirling's formula is short by less than 1 / 12 n


def test_full_poisson_gives_targets_their_gradient() -> None:
    counts = np.array([0.5, 1.5, 4.0])
    assert mg.gradcheck(lambda n: mg.poisson_nll_loss(np.full(3, 2.0), n, full=True), counts)


def test_softplus_is_exact_without_a_threshold() -> None:
    x = np.array([-30.0, 5.0, 19.0, 21.0, 30.0])
    np.testing.assert_allclose(nn.Softplus()(tensor(x)).numpy(), np.logaddexp(0.0, x), rtol=1e-15)
    cut = nn.Softplus(1.0, 20.0)(tensor(x)).numpy()
    np.testing.assert_array_equal(cut[3:], x[3:])
    np.testing.assert_allclose(cut[:3], np.logaddexp(0.0, x[:3]), rtol=1e-15)


def test_dilated_windows_may_be_padded_by_half_of_their_reach() -> None:
    x = tensor(np.arange(9.0)[None, None])
    assert nn.MaxPool1d(2, dilation=3, stride=1, padding=2)(x).shape == (1, 1, 10)
    with pytest.raises(nn.ModuleError, match=r"padding \(3,\) is more than half of the window \(4,\)"):
        nn.MaxPool1d(2, dilation=3, padding=3)


def test_keys_and_values_of_other_lengths_are_checked() -> None:
    layer = nn.MultiHeadAttention(4, 2, kdim=3, vdim=5)
    x = tensor(np.ones((2, 6, 4)))
    with pytest.raises(ShapeError, match=r"kdim=3, vdim=5\) needs a source of shape \(N, time, 3\), got \(2, 6, 4\)"):
        layer(x)
    with pytest.raises(ShapeError, match=r"needs a value of shape \(N, time, 5\), got \(2, 6, 3\)"):
        layer(x, tensor(np.ones((2, 6, 3))))
    with pytest.raises(nn.ModuleError, match="kdim must be an integer >= 1, got 0"):
        nn.MultiHeadAttention(4, 2, kdim=0)


@pytest.mark.parametrize("options", [{"add_bias_kv": True}, {"add_zero_attn": True}])
def test_what_every_sequence_has_besides_is_seen_where_all_else_is_forbidden(options: dict[str, bool]) -> None:
    layer: Any = nn.MultiHeadAttention(4, 2, rng=0, **options).astype(np.float64)  # type: ignore[arg-type]
    x, nobody = tensor(np.ones((1, 3, 4))), np.zeros((3, 1), bool)
    for mask in (nobody, tensor(nobody), np.where(nobody, 0.0, -np.inf)):
        _, weights = layer(x, mask=mask, need_weights=True)
        np.testing.assert_array_equal(weights.numpy(), np.eye(4)[[3, 3, 3]][None])


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([[0, 2], [-1, 0]], r"embedding: index -1 at \[1, 0\] is out of range; 3 rows allow 0 to 2"),
        ([3], r"index 3 at \[0\] is out of range"),
        ([0.5], "indices are integers, numbers of rows; got dtype float64"),
        ([True], "indices are integers, numbers of rows; got dtype bool"),
    ],
)
def test_embedding_refuses_what_is_no_row(indices: list[Any], message: str) -> None:
    table = tensor(np.ones((3, 2)))
    with pytest.raises(IndexKeyError, match=message):
        mg.embedding(np.array(indices), table)
    program = mg.define(lambda i: mg.embedding(i, table))
    program(np.zeros(np.shape(indices), np.array(indices).dtype if "out" in message else np.int64))
    with pytest.raises(IndexKeyError, match=message):
        program(np.array(indices))
    assert mg.embedding(np.zeros((0,), np.int64), table).shape == (0, 2)


@pytest.mark.parametrize(
    ("layer", "args", "neutral", "wanted", "hint"),
    [
        ("Embedding", (3, 2), {"max_norm": None, "scale_grad_by_freq": False}, {"max_norm": 1.0}, "mg.linalg.norm"),
        ("Embedding", (3, 2), {"norm_type": 2.0}, {"scale_grad_by_freq": True}, r"np.bincount\(symbols\)"),
        ("EmbeddingBag", (3, 2), {"include_last_offset": False}, {"include_last_offset": True}, "rows of an array"),
        ("MaxPool2d", (2,), {"return_indices": False}, {"return_indices": True}, "nn.Upsample"),
        ("AdaptiveMaxPool1d", (2,), {"return_indices": False}, {"return_indices": True}, "nn.Upsample"),
        ("LSTM", (3, 2), {"proj_size": 0}, {"proj_size": 1}, "nn.Linear"),
    ],
)
def test_options_that_are_missing_are_answered(
    layer: str, args: tuple[int, ...], neutral: dict[str, Any], wanted: dict[str, Any], hint: str
) -> None:
    build = getattr(nn, layer)
    build(*args, **neutral)
    with pytest.raises(nn.UnknownOption, match=hint) as raised:
        build(*args, **wanted)
    assert len(str(raised.value)) < 300
    with pytest.raises(nn.UnknownOption, match="Linear has no option"):
        nn.Linear(2, 2, **wanted)


def test_the_hints_for_embedding_do_what_they_say() -> None:
    torch = pytest.importorskip("torch")
    symbols = np.array([0, 2, 2, 1])
    ours, theirs = nn.Embedding(3, 2, rng=0), torch.nn.Embedding(3, 2, scale_grad_by_freq=True)
    ours(symbols).sum().backward()
    theirs(torch.tensor(symbols)).sum().backward()
    assert ours.weight.grad is not None
    shares = ours.weight.grad.numpy() / np.bincount(symbols)[:, None]
    np.testing.assert_allclose(shares, theirs.weight.grad.numpy(), rtol=1e-6)
    y = ours(symbols)
    shortened = y * mg.minimum(1.0, 0.5 / mg.linalg.norm(y, axis=-1, keepdims=True))
    assert np.all(np.linalg.norm(shortened.numpy(), axis=-1) <= 0.5 + 1e-6)
