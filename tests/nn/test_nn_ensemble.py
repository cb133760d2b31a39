"""Ensembles: the mean of what several models say, and the mean of their weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from minigrad import data, nn
from minigrad.core import tensor
from minigrad.train import Rows, as_split, evaluate, fit

X = np.random.default_rng(0).normal(size=(5, 4))


def test_probabilities_are_averaged() -> None:
    members = [nn.mlp(4, [8], 3, rng=seed).astype(np.float64) for seed in range(3)]
    for member in members:
        member.load_state_dict({name: 3.0 * a for name, a in member.state_dict().items()})
    said = nn.Ensemble(*members)(tensor(X)).numpy()
    due = np.mean([softmax(m(tensor(X)).numpy(), axis=1) for m in members], axis=0)
    np.testing.assert_allclose(np.exp(said), due, rtol=1e-12)
    plain = nn.Ensemble(*members, kind="outputs")(tensor(X)).numpy()
    np.testing.assert_allclose(plain, np.mean([m(tensor(X)).numpy() for m in members], axis=0), rtol=1e-12)
    assert len(nn.Ensemble(*members).named_parameters()) == 12


def test_an_ensemble_is_better_than_its_members_are_on_average() -> None:
    split = as_split(data.load("digits").scaled(normalize="unit"), np.dtype(np.float32))
    assert split.val is not None
    members = []
    for seed in range(4):
        rows = np.random.default_rng(seed).choice(len(split.train), 300, replace=False)
        part: Rows = split.train.take(rows)
        members.append(nn.mlp(64, [16], 10, rng=seed))
        fit(members[-1], (part.x, part.y), epochs=8, lr=0.01, checks=False, quiet=True)
    loss = nn.SoftmaxCrossEntropy()
    alone = [evaluate(m, split.val, loss) for m in members]
    joint = evaluate(nn.Ensemble(*members), split.val, loss)
    assert joint.loss < np.mean([score.loss for score in alone])
    assert joint.accuracy is not None
    assert joint.accuracy > np.mean([s.accuracy for s in alone if s.accuracy is not None])


def test_weights_are_averaged() -> None:
    states = [nn.mlp(4, [], 3, rng=seed).state_dict() for seed in range(3)]
    found = nn.average_state_dicts(states)
    np.testing.assert_allclose(
        found["layers.0.weight"], np.mean([s["layers.0.weight"] for s in states], axis=0), rtol=1e-6
    )
    assert found["layers.0.weight"].dtype == np.float32
    nn.mlp(4, [], 3).load_state_dict(found)


def test_what_cannot_be_averaged_is_named() -> None:
    with pytest.raises(nn.ModuleError, match="no members"):
        nn.Ensemble()
    with pytest.raises(nn.ModuleError, match="kind='median'"):
        nn.Ensemble(nn.ReLU(), kind="median")  # type: ignore[arg-type]
    with pytest.raises(nn.ModuleError, match="different models"):
        nn.average_state_dicts([nn.mlp(4, [], 3).state_dict(), nn.mlp(5, [], 3).state_dict()])
    with pytest.raises(nn.ModuleError, match="no states"):
        nn.average_state_dicts([])
