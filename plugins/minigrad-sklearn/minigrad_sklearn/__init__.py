"""minigrad's networks as scikit-learn estimators.

>>> from minigrad_sklearn import Classifier
>>> from sklearn.datasets import load_iris
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> x, y = load_iris(return_X_y=True)
>>> make_pipeline(StandardScaler(), Classifier(random_state=0)).fit(x, y).score(x, y) > 0.95
True
"""

from minigrad_sklearn.classifier import Classifier
from minigrad_sklearn.regressor import Regressor
from minigrad_sklearn.transformer import Transformer

__all__ = ["Classifier", "Regressor", "Transformer"]
