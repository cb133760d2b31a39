"""The classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from minigrad_sklearn.estimator import Array, NetworkEstimator

__all__ = ["Classifier"]


class Classifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network with a score for each class, by default under softmax cross-entropy.

    Parameters are those of `NetworkEstimator`, and:

    Args:
        class_weight: what the rows of each class count: a dict from class to weight, or "balanced".

    Attributes:
        classes_: labels, sorted; column k of `predict_proba` belongs to the k-th.
        model_: the minigrad Module.
        history_: `minigrad.train.History` of the last call of `fit`.
        diagnosis_: with `diagnose=True`, what `minigrad.diagnosis` says of the run.
        n_iter_: epochs trained.
    """

    classes_: NDArray[Any]

    def __init__(self, module: Any = "mlp", *, class_weight: dict[Any, float] | str | None = None, hidden: Any = (64,),
                 activation: Any = "relu", loss: Any = None, optimizer: Any = "adam", lr: Any = None,
                 schedule: Any = None, epochs: Any = 100, batch_size: Any = "auto", l2: Any = 0.0, clip: Any = None,
                 validation_fraction: Any = 0.0, patience: Any = None, dtype: Any = None, warm_start: Any = False,
                 random_state: Any = None, callbacks: Any = (), diagnose: Any = False, verbose: Any = False,
                 **options: Any) -> None:  # fmt: skip
        # Written out, since scikit-learn reads the names of parameters from this signature.
        self.class_weight = class_weight
        super().__init__(
            module, hidden=hidden, activation=activation, loss=loss, optimizer=optimizer, lr=lr, schedule=schedule,
            epochs=epochs, batch_size=batch_size, l2=l2, clip=clip, validation_fraction=validation_fraction,
            patience=patience, dtype=dtype, warm_start=warm_start, random_state=random_state, callbacks=callbacks,
            diagnose=diagnose, verbose=verbose, **options,
        )  # fmt: skip

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on rows `(n, features)` and labels `(n,)` of any kind.

        Args:
            X: numbers; a data frame's columns become `feature_names_in_`.
            y: labels.
            sample_weight: `(n,)`, what each row counts.
        """
        x, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        before = getattr(self, "classes_", None)
        self.classes_, index = np.unique(labels, return_inverse=True)
        weights = self._weights(x, labels, sample_weight)
        same = before is not None and np.array_equal(before, self.classes_)
        go_on = self.warm_start and same and self._goes_on(x.shape[1], len(self.classes_))
        self._train(x, index.astype(np.int64), len(self.classes_), weights, loss="softmax", go_on=go_on)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch more, with the optimizer as the last call left it.

        Args:
            X: numbers.
            y: labels, all of `classes`.
            classes: all labels there will be; needed at the first call.
            sample_weight: `(n,)`, what each row counts.

        Raises:
            ValueError: `classes` is missing at the first call or differs later, or a label is not among them.
        """
        first = not hasattr(self, "classes_")
        x, y = validate_data(self, X, y, dtype=[np.float64, np.float32], reset=first)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        if first:
            if classes is None:
                raise ValueError("classes must be given at the first call of partial_fit")
            self.classes_ = np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes differ from those of the first call: {self.classes_.tolist()}")
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            raise ValueError(f"labels {unknown.tolist()[:5]} are not among the classes {self.classes_.tolist()[:20]}")
        weights = self._weights(x, labels, sample_weight)
        index = np.searchsorted(self.classes_, labels).astype(np.int64)
        go_on = self._goes_on(x.shape[1], len(self.classes_))
        self._train(x, index, len(self.classes_), weights, loss="softmax", go_on=go_on, epochs=1)
        return self

    def _weights(self, x: Array, labels: NDArray[Any], sample_weight: ArrayLike | None) -> Array | None:
        """The product of the rows' and their classes' weights; None where all count the same."""
        weights: Array | None = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        if self.class_weight is not None:
            of_class = compute_sample_weight(self.class_weight, labels)
            weights = of_class if weights is None else weights * of_class
        return weights

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities `(n, classes)`: softmax of the scores."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        probabilities: Array = softmax(self._outputs(x), axis=1)
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable label of each row."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        labels: NDArray[Any] = self.classes_[self._outputs(x).argmax(axis=1)]
        return labels
