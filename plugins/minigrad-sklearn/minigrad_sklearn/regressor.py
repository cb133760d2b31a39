"""The regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from minigrad_sklearn.estimator import Array, NetworkEstimator

__all__ = ["Regressor", "Scale"]


class Scale:
    """Mean and standard deviation of targets.

    A network learns targets without them, and predictions get them back.

    Attributes:
        mean: `(targets,)`.
        std: `(targets,)`, 1 where a target is constant.
    """

    def __init__(self, y: Array, weights: Array | None) -> None:
        """Of targets `(n, targets)` with the weights of their rows."""
        self.mean = np.average(y, axis=0, weights=weights)
        std = np.sqrt(np.average((y - self.mean) ** 2, axis=0, weights=weights))
        self.std = np.where(std > 0.0, std, 1.0)

    def scale(self, y: Array) -> Array:
        """To mean 0 and standard deviation 1."""
        scaled: Array = (y - self.mean) / self.std
        return scaled

    def unscale(self, y: Array) -> Array:
        """Back to the units of the targets, in the dtype of `y`."""
        return (y * self.std + self.mean).astype(y.dtype)


class Regressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network with a number for each target, by default under the mean squared error.

    It learns targets of mean 0 and standard deviation 1, and predicts them in their own units. Parameters are those of
    `NetworkEstimator`.

    Attributes:
        model_: the minigrad Module.
        history_: `minigrad.train.History` of the last call of `fit`; losses are those of scaled targets.
        diagnosis_: with `diagnose=True`, what `minigrad.diagnosis` says of the run.
        n_iter_: epochs trained.
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on rows `(n, features)` and targets `(n,)` or `(n, targets)`.

        Args:
            X: numbers; a data frame's columns become `feature_names_in_`.
            y: numbers.
            sample_weight: `(n,)`, what each row counts.
        """
        x, targets, weights = self._checked(X, y, sample_weight, reset=True)
        go_on = self.warm_start and self._goes_on(x.shape[1], targets.shape[1])
        if not go_on:
            self._scale = Scale(targets, weights)
        self._train(x, self._scale.scale(targets), targets.shape[1], weights, loss="mse", go_on=go_on)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch more, with the optimizer as the last call left it.

        The first call sets the scale of the targets.
        """
        x, targets, weights = self._checked(X, y, sample_weight, reset=not hasattr(self, "model_"))
        go_on = self._goes_on(x.shape[1], targets.shape[1])
        if not go_on:
            self._scale = Scale(targets, weights)
        self._train(x, self._scale.scale(targets), targets.shape[1], weights, loss="mse", go_on=go_on, epochs=1)
        return self

    def _checked(
        self, rows: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Array, Array, Array | None]:
        x, y = validate_data(
            self, rows, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True, reset=reset
        )
        targets = np.asarray(y, dtype=np.float64)
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        self._single = targets.ndim == 1
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        return x, targets.reshape(len(targets), -1), weights

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Targets `(n,)` or `(n, targets)`, as they were given to `fit`, in their units."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        predicted = self._scale.unscale(self._outputs(x))
        return predicted[:, 0] if self._single else predicted
