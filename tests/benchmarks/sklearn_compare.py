"""minigrad's estimators beside scikit-learn's networks and boosted trees: five data sets, five folds, one core.

    OMP_NUM_THREADS=1 python tests/benchmarks/sklearn_compare.py

Every model is one line of a user's code, with its defaults but for a fixed seed, behind the same StandardScaler. Scores
are accuracy or R2, mean over the folds and their standard deviation; seconds are of all five fits and predictions.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minigrad_sklearn import Classifier, Regressor

SETS: dict[str, Any] = {
    "breast cancer (569 x 30)": datasets.load_breast_cancer(return_X_y=True),
    "wine (178 x 13)": datasets.load_wine(return_X_y=True),
    "digits (1,797 x 64)": datasets.load_digits(return_X_y=True),
    "diabetes (442 x 10)": datasets.load_diabetes(return_X_y=True),
    "Friedman 1 (1,000 x 10, noise 1)": datasets.make_friedman1(1000, 10, noise=1.0, random_state=0),
}


def models(classes: bool) -> dict[str, Any]:
    """The contestants: by name, estimators with a seed."""
    if classes:
        return {
            "Classifier": Classifier(random_state=0),
            "MLPClassifier": MLPClassifier(random_state=0),
            "HistGradientBoostingClassifier": HistGradientBoostingClassifier(random_state=0),
        }
    return {
        "Regressor": Regressor(random_state=0),
        # minigrad scales targets itself; without that MLPRegressor is far below.
        "MLPRegressor, targets scaled": TransformedTargetRegressor(
            MLPRegressor(random_state=0), transformer=StandardScaler()
        ),
        "HistGradientBoostingRegressor": HistGradientBoostingRegressor(random_state=0),
    }


def main() -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    print("| data | model | score | seconds |\n|---|---|---|---|")
    for name, (x, y) in SETS.items():
        classes = np.issubdtype(y.dtype, np.integer)
        folds = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=0)
        for title, model in models(bool(classes)).items():
            start = time.perf_counter()
            scores = cross_val_score(make_pipeline(StandardScaler(), model), x, y, cv=folds)
            seconds = time.perf_counter() - start
            print(f"| {name} | {title} | {scores.mean():.3f} +- {scores.std():.3f} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
