"""The estimators among scikit-learn's own tools, and what is promised beyond its checks."""

from __future__ import annotations

import io
import pickle
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import minigrad as mg
from minigrad import nn
from minigrad_sklearn import Classifier, Regressor, Transformer

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


def round_trips(estimator: Any) -> list[Any]:
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return [pickle.loads(pickle.dumps(estimator)), joblib.load(buffer)]


@pytest.mark.parametrize("estimator", [Classifier(epochs=3), Regressor(epochs=3), Transformer(epochs=3)])
def test_pickle_and_joblib_keep_every_bit(estimator: Any) -> None:
    estimator.set_params(random_state=3).fit(X, Y)
    method = "transform" if isinstance(estimator, Transformer) else "predict"
    expected = getattr(estimator, method)(X)
    for copy in round_trips(estimator):
        np.testing.assert_array_equal(getattr(copy, method)(X), expected)


def test_a_pickled_estimator_goes_on_as_the_original_would() -> None:
    estimator = Classifier(random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    copy = round_trips(estimator)[0]
    for e in (estimator, copy):
        for _ in range(3):
            e.partial_fit(X, Y)
    np.testing.assert_array_equal(copy.predict_proba(X), estimator.predict_proba(X))
    assert estimator.n_iter_ == 4


def test_partial_fit_keeps_the_moments_of_the_optimizer() -> None:
    steps = Classifier(random_state=0, batch_size=len(X)).partial_fit(X, Y, classes=[0, 1, 2])
    weights = steps.model_.state_dict()
    steps.partial_fit(X, Y)
    forgetful = Classifier(random_state=0, batch_size=len(X)).partial_fit(X, Y, classes=[0, 1, 2])
    forgetful._optimizer_state = None
    forgetful.partial_fit(X, Y)
    assert any(
        not np.array_equal(a, b) for a, b in zip(weights.values(), steps.model_.state_dict().values(), strict=True)
    )
    assert not np.array_equal(steps.predict_proba(X), forgetful.predict_proba(X))


def test_warm_start_goes_on_and_cold_start_does_not() -> None:
    warm = Classifier(epochs=5, warm_start=True, random_state=0).fit(X, Y)
    first = warm.history_.epochs[-1].train_loss
    assert warm.fit(X, Y).history_.epochs[0].train_loss < first
    cold = Classifier(epochs=5, random_state=0).fit(X, Y)
    expected = cold.predict_proba(X)
    np.testing.assert_array_equal(cold.fit(X, Y).predict_proba(X), expected)


def test_labels_of_any_kind() -> None:
    by_name = Classifier(epochs=60, lr=0.02, random_state=0).fit(X, NAMES)
    by_number = Classifier(epochs=60, lr=0.02, random_state=0).fit(X, Y)
    assert by_name.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal(by_name.predict(X), np.array(by_name.classes_)[by_number.predict(X)])
    assert by_name.score(X, NAMES) > 0.95


def test_a_linear_module_is_logistic_regression() -> None:
    """With a penalty both have one minimum: scikit-learn's C is 1 / (rows * l2)."""
    l2 = 0.01
    network = Classifier("linear", epochs=1500, lr=0.05, batch_size=len(X), l2=l2, random_state=0).fit(X, Y)
    reference = LogisticRegression(C=1.0 / (len(X) * l2), tol=1e-10, max_iter=5000).fit(X, Y)
    np.testing.assert_allclose(network.predict_proba(X), reference.predict_proba(X), atol=5e-3)


def test_a_linear_regressor_is_ridge_regression_in_the_units_of_the_targets() -> None:
    x, y = load_diabetes(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    network = Regressor("linear", epochs=800, lr=0.02, batch_size=len(x), random_state=0).fit(x, y)
    np.testing.assert_allclose(network.predict(x), Ridge(alpha=1e-6).fit(x, y).predict(x), atol=0.02 * y.std())


def test_several_targets_have_the_shape_they_came_in() -> None:
    x, y = make_regression(80, 5, n_targets=3, random_state=0)
    assert Regressor(epochs=2, random_state=0).fit(x, y).predict(x).shape == (80, 3)
    assert Regressor(epochs=2, random_state=0).fit(x, y[:, 0]).predict(x).shape == (80,)


def test_float32_in_float32_out() -> None:
    estimator = Classifier(epochs=1, random_state=0).fit(X.astype(np.float32), Y)
    assert estimator.predict_proba(X).dtype == np.float32
    assert Classifier(epochs=1, dtype="float32", random_state=0).fit(X, Y).predict_proba(X).dtype == np.float32


def test_grid_search_in_two_processes_over_options_of_module_and_optimizer() -> None:
    def network(features: int, outputs: int, width: int = 4, rng: int = 0) -> nn.Module:
        return nn.mlp(features, [width], outputs, activation="tanh", rng=rng)

    search = GridSearchCV(
        Classifier(epochs=5, random_state=0, optimizer__beta1=0.8),
        {"optimizer__lr": [1e-4, 0.05], "l2": [0.0, 1e-3]},
        n_jobs=2,
    ).fit(X, Y)
    assert search.best_params_["optimizer__lr"] == 0.05
    alone = clone(search.best_estimator_).fit(X, Y)
    np.testing.assert_array_equal(alone.predict_proba(X), search.best_estimator_.predict_proba(X))
    with_module = Classifier(network, epochs=5, random_state=0, module__width=7).fit(X, Y)
    assert with_module.model_.parameters()[0].shape == (4, 7)


def test_pipelines_and_cross_validation() -> None:
    pipeline = make_pipeline(StandardScaler(), Classifier(epochs=60, lr=0.02, random_state=0))
    assert cross_val_score(pipeline, X, Y, cv=3).min() > 0.85


def test_a_module_of_ones_own_is_copied() -> None:
    module = nn.mlp(4, [8], 3, rng=1)
    before = module.state_dict()
    Classifier(module, epochs=2).fit(X, Y)
    for name, value in module.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_hidden_features_separate_what_the_input_does_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, (400, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    features = Transformer(hidden=(32,), epochs=150, lr=0.01, random_state=0).fit(x, y)
    plain = LogisticRegression().fit(x, y).score(x, y)
    assert plain < 0.7
    assert LogisticRegression().fit(features.transform(x), y).score(features.transform(x), y) > 0.95
    assert features.get_feature_names_out().tolist()[:2] == ["transformer0", "transformer1"]
    assert Transformer(hidden=(3,), epochs=2).fit(x).transform(x).shape == (400, 3)


def test_the_diagnosis_names_what_is_wrong() -> None:
    shuffled = np.random.default_rng(0).permutation(Y)
    estimator = Classifier(epochs=30, validation_fraction=0.3, diagnose=True, random_state=0).fit(X, shuffled)
    assert "LABELS_RANDOM" in [f.code for f in estimator.diagnosis_.findings]
    assert len(estimator.history_.epochs) == 30
    assert estimator.history_.checks


def test_the_best_epoch_on_rows_held_out() -> None:
    estimator = Classifier(epochs=30, lr=0.05, validation_fraction=0.2, patience=3, random_state=0).fit(X, Y)
    assert estimator.history_.best is not None
    assert estimator.history_.best.val_accuracy is not None
    assert estimator.n_iter_ <= 30


def test_class_weights_are_sample_weights() -> None:
    weighted = Classifier(epochs=3, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, random_state=0).fit(X, Y)
    per_row = np.array([1.0, 2.0, 0.5])[Y]
    by_rows = Classifier(epochs=3, random_state=0).fit(X, Y, sample_weight=per_row)
    np.testing.assert_allclose(weighted.predict_proba(X), by_rows.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (Classifier(hiden=(3,)), "no parameter 'hiden'. Did you mean 'hidden'"),
        (Classifier("mpl"), "module must be 'mlp', 'linear'"),
        (Classifier(optimizer="adma"), "adam"),
        (Classifier(optimizer__beta9=0.8), "beta"),
        (Classifier(schedule="cosine", optimizer__beta1=0.8), "optimizer__lr a schedule"),
    ],
)
def test_wrong_arguments_are_named(estimator: Classifier, message: str) -> None:
    with pytest.raises((TypeError, ValueError, mg.MinigradError)) as raised:
        estimator.fit(X, Y)
    assert message in str(raised.value)
    assert len(str(raised.value)) < 300


def test_partial_fit_refuses_other_classes() -> None:
    with pytest.raises(ValueError, match="classes must be given"):
        Classifier().partial_fit(X, Y)
    estimator = Classifier().partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not among the classes"):
        estimator.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="differ from those"):
        estimator.partial_fit(X, Y, classes=[0, 1])
