"""minigrad's estimators beside scikit-learn's networks and boosted trees: five data sets, five folds, one core.

    OMP_NUM_THREADS=1 python tests/benchmarks/sklearn_compare.py

Every model has its defaults but for a fixed seed; networks stand behind a StandardScaler. Scores are accuracy or R2:
mean and standard deviation over the folds. Seconds are processor time of all five fits and predictions, lines those of
the user's code, imports included.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score

SETS: dict[str, Any] = {
    "breast cancer (569 x 30)": datasets.load_breast_cancer(return_X_y=True),
    "wine (178 x 13)": datasets.load_wine(return_X_y=True),
    "digits (1,797 x 64)": datasets.load_digits(return_X_y=True),
    "diabetes (442 x 10)": datasets.load_diabetes(return_X_y=True),
    "Friedman 1 (1,000 x 10, noise 1)": datasets.make_friedman1(1000, 10, noise=1.0, random_state=0),
}


_SCALED = """
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
"""

CLASSIFIERS = {
    "Classifier": _SCALED + """
from minigrad_sklearn import Classifier
model = make_pipeline(StandardScaler(), Classifier(random_state=0))
""",
    "MLPClassifier": _SCALED + """
from sklearn.neural_network import MLPClassifier
model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
""",
    "HistGradientBoostingClassifier": """
from sklearn.ensemble import HistGradientBoostingClassifier
model = HistGradientBoostingClassifier(random_state=0)
""",
}  # fmt: skip
"""Contestant -> what a user writes."""

REGRESSORS = {
    "Regressor": _SCALED + """
from minigrad_sklearn import Regressor
model = make_pipeline(StandardScaler(), Regressor(random_state=0))
""",
    # minigrad scales targets itself; without that MLPRegressor is far below.
    "MLPRegressor, targets scaled": _SCALED + """
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPRegressor
network = TransformedTargetRegressor(MLPRegressor(random_state=0), transformer=StandardScaler())
model = make_pipeline(StandardScaler(), network)
""",
    "HistGradientBoostingRegressor": """
from sklearn.ensemble import HistGradientBoostingRegressor
model = HistGradientBoostingRegressor(random_state=0)
""",
}  # fmt: skip


def built(code: str) -> Any:
    """The model that a user's lines make."""
    space: dict[str, Any] = {}
    exec(code, space)
    return space["model"]


def main() -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    print("| data | model | score | seconds | lines |\n|---|---|---|---|---|")
    for name, (x, y) in SETS.items():
        classes = bool(np.issubdtype(y.dtype, np.integer))
        folds = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=0)
        for title, code in (CLASSIFIERS if classes else REGRESSORS).items():
            model, lines = built(code), len(code.split("\n")) - code.split("\n").count("")
            start = time.process_time()
            scores = cross_val_score(model, x, y, cv=folds)
            seconds = time.process_time() - start
            figures = f"{scores.mean():.3f} +- {scores.std():.3f} | {seconds:.2f} | {lines}"
            print(f"| {name} | {title} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
