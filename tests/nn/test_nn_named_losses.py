"""Losses under PyTorch's names against its recorded numbers; reductions, soft targets and weights of `nn`'s own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, product

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core import tensor
from minigrad.core.errors import MinigradError, ShapeError
from support.nn_golden import LOSS_RECORD
from support.nn_loss_cases import CASES, LossCase

RNG = np.random.default_rng(1)
SCORES, LABELS, SHARES = RNG.normal(size=(6, 3)), RNG.integers(0, 3, 6), RNG.dirichlet(np.ones(3), 6)


@pytest.fixture(scope="module")
def record() -> dict[str, dict[str, np.ndarray]]:
    """Case -> name of an array -> numbers."""
    cases: dict[str, dict[str, np.ndarray]] = {}
    with np.load(LOSS_RECORD, allow_pickle=False) as file:
        for name in file.files:
            case, _, array = name.partition("/")
            cases.setdefault(case, {})[array] = file[name]
    return cases


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_loss_equals_pytorchs_record(case: LossCase, record: dict[str, dict[str, np.ndarray]]) -> None:
    ours = case.evaluate(nn, lambda a: tensor(a, requires_grad=True), np.asarray, mg.log_softmax)
    assert ours.keys() == record[case.name].keys()
    for name, theirs in record[case.name].items():
        np.testing.assert_allclose(ours[name], theirs, rtol=1e-10, atol=1e-12, err_msg=name)


def test_the_record_is_of_these_cases(record: dict[str, dict[str, np.ndarray]]) -> None:
    assert record.keys() == {"version", *(case.name for case in CASES)}


@pytest.mark.parametrize(
    ("loss", "targets", "rows"),
    [
        (nn.cross_entropy, LABELS, (6,)),
        (nn.cross_entropy, SHARES, (6,)),
        (nn.weston_watkins, LABELS, (6,)),
        (nn.crammer_singer, LABELS, (6,)),
        (nn.binary_cross_entropy, SHARES, (6, 3)),
        (nn.hinge, np.sign(RNG.normal(size=(6, 3))), (6, 3)),
        (nn.mean_squared_error, SHARES, (6, 3)),
        (nn.mean_absolute_error, SHARES, (6, 3)),
        (nn.huber, SHARES, (6, 3)),
        (nn.kl_divergence, SHARES, (6,)),
    ],
)
def test_reductions_agree(loss: Callable[..., mg.Tensor], targets: np.ndarray, rows: tuple[int, ...]) -> None:
    each = loss(tensor(SCORES), targets, reduction="none").numpy()
    assert each.shape == rows
    assert loss(tensor(SCORES), targets, reduction="sum").item() == pytest.approx(each.sum(), rel=1e-13)
    assert loss(tensor(SCORES), targets).item() == pytest.approx(each.mean(), rel=1e-13)
    with pytest.raises(ValueError, match="reduction must be"):
        loss(tensor(SCORES), targets, reduction="median")


def test_labels_are_the_corners_of_soft_targets() -> None:
    corners, weight = np.eye(3)[LABELS], [0.5, 1.0, 2.0]
    for options in ({}, {"weight": weight}, {"weight": weight, "label_smoothing": 0.2}):
        hard = nn.cross_entropy(tensor(SCORES), LABELS, reduction="sum", **options).item()
        soft = nn.cross_entropy(tensor(SCORES), corners, reduction="sum", **options).item()
        assert soft == pytest.approx(hard, rel=1e-13)
    certain = tensor(np.array([[-np.inf, 0.0, 1.0]]), requires_grad=True)
    loss = nn.cross_entropy(certain, np.array([[0.0, 0.5, 0.5]]))
    loss.backward()
    assert np.isfinite(loss.item())
    assert certain.grad is not None
    assert np.isfinite(certain.grad.numpy()).all()


def test_weights_of_classes_reach_training_losses() -> None:
    weight = [0.5, 1.0, 2.0]
    loss = nn.SoftmaxCrossEntropy(weight=weight, ignore_index=1)
    expected = mg.cross_entropy(SCORES, LABELS, weight=np.array(weight), ignore_index=1)
    assert loss(tensor(SCORES), LABELS).item() == pytest.approx(float(expected), rel=1e-13)
    bits = (SHARES > 0.3).astype(float)
    each = mg.binary_cross_entropy_with_logits(SCORES, bits, "none", np.array(weight))
    assert nn.BinaryCrossEntropy(pos_weight=weight)(tensor(SCORES), bits).item() == pytest.approx(np.mean(each))


def test_the_loss_of_alignments_is_the_sum_over_all_of_them() -> None:
    frames, labels = np.log(RNG.dirichlet(np.ones(3), 5)), [1, 1]
    total = sum(
        np.exp(sum(frames[t, k] for t, k in enumerate(path)))
        for path in product(range(3), repeat=5)
        if [k for k, _ in groupby(path) if k] == labels
    )
    loss = mg.ctc_loss(tensor(frames[:, None]), np.array([labels]), np.array([5]), np.array([2]), reduction="sum")
    assert loss.item() == pytest.approx(-np.log(total), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.cross_entropy(tensor(SCORES), SHARES * 2.0), "is no distribution"),
        (lambda: nn.cross_entropy(tensor(SCORES), SHARES[:, :2]), "need labels|needs integer labels"),
        (lambda: nn.cross_entropy(tensor(SCORES), LABELS.astype(float)), "needs integer labels"),
        (lambda: nn.CrossEntropyLoss()(tensor(SCORES), LABELS[:3]), "need labels of shape"),
        (lambda: nn.CrossEntropyLoss()(tensor(SCORES), LABELS + 1), "out of range"),
        (lambda: nn.NLLLoss()(tensor(SCORES), LABELS - 1), "out of range"),
        (lambda: nn.MSELoss()(tensor(SCORES), SCORES[:, :1]), "one shape is needed"),
        (lambda: nn.BCEWithLogitsLoss(pos_weight=np.ones((2, 6, 3)))(tensor(SCORES), SHARES), "does not fit"),
        (lambda: nn.binary_cross_entropy(tensor(SCORES), SHARES, pos_weight=np.ones((2, 6, 3))), "does not fit"),
        (lambda: nn.MSELoss(reduction="average"), "reduction must be one of mean, sum, none"),
        (lambda: nn.CosineEmbeddingLoss()(tensor(SCORES), tensor(SCORES), LABELS), "y of 1 and -1"),
        (lambda: nn.MultiLabelMarginLoss()(tensor(SCORES), np.full((6, 3), 5)), "class numbers below 3"),
        (
            lambda: mg.ctc_loss(tensor(np.zeros((4, 1, 3))), np.array([[0]]), np.array([4]), np.array([1])),
            "is the blank",
        ),
        (lambda: mg.ctc_loss(tensor(np.zeros((4, 1, 3))), np.array([[1]]), np.array([5]), np.array([1])), "in 0 to 4"),
        (
            lambda: mg.ctc_loss(tensor(np.zeros((4, 2, 3))), np.array([1]), np.array([4]), np.array([1])),
            "2 whole numbers",
        ),
        (lambda: nn.CrossEntropyLoss(smoothing=0.1), "has no option 'smoothing'. Did you mean 'label_smoothing'"),  # type: ignore[call-arg]
    ],
)
def test_wrong_targets_and_options_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises((MinigradError, ValueError), match=message):
        call()


def test_distances() -> None:
    x, z = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 3))
    for p in (1.0, 2.0, 3.0, np.inf):
        all_pairs = np.linalg.norm(x[:, None] - z, ord=p, axis=-1)
        np.testing.assert_allclose(np.asarray(mg.cdist(x, z, p)), all_pairs, rtol=1e-13)
        own = np.linalg.norm(x[:, None] - x, ord=p, axis=-1)[np.triu_indices(4, 1)]
        np.testing.assert_allclose(np.asarray(mg.pdist(x, p)), own, rtol=1e-13)
        assert mg.gradcheck(lambda a, b, p=p: mg.cdist(a, b, p), x, z)
    slopes = mg.grad(lambda a: mg.sum(mg.cdist(a, a)))(x)
    assert np.isfinite(np.asarray(slopes)).all()
    with pytest.raises(ShapeError, match="cdist: rows of one width"):
        mg.cdist(x, z[:, :2])
