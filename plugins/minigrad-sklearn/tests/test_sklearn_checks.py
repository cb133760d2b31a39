"""scikit-learn's own checks of estimators, none of them expected to fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from minigrad_sklearn import Classifier, Regressor, Transformer

# Few epochs at a high rate: the checks ask for hundreds of fits, and for accuracy in some.
ESTIMATORS = [
    Classifier(epochs=40, lr=0.01),
    Regressor(epochs=40, lr=0.01),
    Transformer(epochs=10, lr=0.01),
]


CHECKS = parametrize_with_checks(ESTIMATORS).mark


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)  # a generator before scikit-learn 1.9
def test_the_checks_of_scikit_learn(estimator: object, check: Callable[[object], None]) -> None:
    check(estimator)
