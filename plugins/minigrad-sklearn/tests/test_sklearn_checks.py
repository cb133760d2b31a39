"""scikit-learn's own checks of estimators, none of them expected to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from _pytest.mark.structures import ParameterSet
from sklearn.utils.estimator_checks import parametrize_with_checks

from minigrad_sklearn import Classifier, Regressor, Transformer

# Few epochs at a high rate: the checks ask for hundreds of fits, and for accuracy in some.
ESTIMATORS = [
    Classifier(epochs=40, lr=0.01),
    Regressor(epochs=40, lr=0.01),
    Transformer(epochs=10, lr=0.01),
]


CHECKS = parametrize_with_checks(ESTIMATORS).mark
Case = tuple[object, Callable[[object], None]]


def _name(check: Callable[[object], None]) -> str:
    name: str = getattr(check, "func", check).__name__
    return name


def _in_turn(cases: Sequence[Case]) -> Iterator[ParameterSet]:
    """Each check with one of the estimators that it is meant for; with the others as a soak."""
    names = [_name(check) for _, check in cases]
    met: Counter[str] = Counter()
    for (estimator, check), name in zip(cases, names, strict=True):
        turn = sorted(set(names)).index(name) % names.count(name)
        yield pytest.param(estimator, check, marks=[] if met[name] == turn else [pytest.mark.soak])
        met[name] += 1


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(CHECKS.args[0], list(_in_turn(list(CHECKS.args[1]))), **CHECKS.kwargs)  # before 1.9 no list
def test_the_checks_of_scikit_learn(estimator: object, check: Callable[[object], None]) -> None:
    check(estimator)
