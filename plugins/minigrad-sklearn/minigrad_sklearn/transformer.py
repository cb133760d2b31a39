"""What a network has learnt to see: the outputs of its last hidden layer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from minigrad import nn
from minigrad_sklearn.estimator import Array, NetworkEstimator
from minigrad_sklearn.regressor import Scale

__all__ = ["Transformer"]


class Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkEstimator):  # type: ignore[misc]
    """The outputs of a trained network's last hidden layer.

    It has learnt the targets, or its own input where there are none.

    Targets of classes are learnt under softmax cross-entropy, numbers under the mean squared error of scaled targets.
    Without targets the network is an autoencoder. Parameters are those of `NetworkEstimator`; `module` must make an
    `nn.Sequential`.

    Attributes:
        model_: the minigrad Module, last layer included.
        history_: `minigrad.train.History` of the last call of `fit`.
        n_iter_: epochs trained.
    """

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Train on rows `(n, features)` and, if given, targets.

        Raises:
            TypeError: the network is not a Sequential of at least two layers.
        """
        if y is None:
            x = validate_data(self, X, dtype=[np.float64, np.float32])
            targets: Any = x
        else:
            x, targets = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True)
        if y is not None and type_of_target(targets) in ("binary", "multiclass"):
            classes, index = np.unique(targets, return_inverse=True)
            self._train(x, index.reshape(-1).astype(np.int64), len(classes), None, loss="softmax")
        else:
            numbers = np.asarray(targets, dtype=np.float64).reshape(len(x), -1)
            self._train(x, Scale(numbers, None).scale(numbers), numbers.shape[1], None, loss="mse")
        self._n_features_out = int(self._features(x[:1]).shape[1])
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Hidden features `(n, width of the last hidden layer)`."""
        check_is_fitted(self)
        return self._features(validate_data(self, X, dtype=[np.float64, np.float32], reset=False))

    def _features(self, x: Array) -> Array:
        if not isinstance(self.model_, nn.Sequential) or len(self.model_.layers) < 2:
            raise TypeError(f"hidden features need an nn.Sequential of two layers or more, not {self.model_!r}")
        hidden = self._outputs(x, nn.Sequential(*self.model_.layers[:-1]))
        return hidden.reshape(len(hidden), -1)
