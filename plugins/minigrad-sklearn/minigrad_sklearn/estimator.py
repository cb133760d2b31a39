"""What the estimators share: parameters, the network, its training, numbers out of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

import minigrad as mg
from minigrad import nn, train
from minigrad.core.errors import nearest
from minigrad.diagnosis import Diagnosis, Doctor
from minigrad.optim import ClipNorm

__all__ = ["NetworkEstimator"]

Array = NDArray[np.float64]
ModuleSource = str | nn.Module | Callable[..., nn.Module]

_PREFIXES = ("module__", "optimizer__")
_OPTIONS = "options"
"""What the signature calls all of them.

Tools that read it take it for a parameter; `fit` refuses it.
"""
_ROWS_AT_ONCE = 4096


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network with scikit-learn's parameters and attributes.

    `minigrad.train.fit` trains it.

    Args:
        module: "mlp", "linear", a minigrad Module (a copy is trained), or a function that makes one, called with the
            number of features and of outputs, with every `module__*` parameter, and with `rng` where it takes that.
        hidden: widths of the hidden layers of "mlp".
        activation: between them: "relu", "tanh" or "sigmoid".
        loss: a name of minigrad ("softmax", "svm", "mse"), or a function of outputs and targets; None for the usual.
        optimizer: name of an installed optimizer of minigrad; `optimizer__*` parameters are its options.
        lr: learning rate; the optimizer's own default if None.
        schedule: how it changes over the run, see `minigrad.train.SCHEDULES`.
        epochs: passes over the rows.
        batch_size: rows in a step; "auto" for at most 200.
        l2: strength of the term `l2 / 2 * sum of squares` of the weights that is added to the loss.
        clip: bound on the norm of the whole gradient.
        validation_fraction: share of the rows that are held out to choose the best epoch; 0 to keep the last one.
        patience: epochs without a better one after which training stops.
        dtype: of weights and predictions; None for that of the data, float64 where it is not float32.
        warm_start: `fit` goes on from the present weights.
        random_state: of weights, batches and the held-out rows.
        callbacks: `minigrad.train.Callback` objects.
        diagnose: let `minigrad.diagnosis` look at the run, see `diagnosis_`.
        verbose: print what `minigrad.train.fit` prints.
        **options: `module__*` and `optimizer__*` parameters.
    """

    model_: nn.Module
    history_: train.History
    diagnosis_: Diagnosis
    n_features_in_: int
    n_iter_: int
    _optimizer_state: Mapping[str, object] | None

    def __init__(
        self,
        module: ModuleSource = "mlp",
        *,
        hidden: Sequence[int] = (64,),
        activation: str = "relu",
        loss: str | Callable[..., mg.Tensor] | None = None,
        optimizer: str = "adam",
        lr: float | None = None,
        schedule: str | None = None,
        epochs: int = 100,
        batch_size: int | str = "auto",
        l2: float = 0.0,
        clip: float | None = None,
        validation_fraction: float = 0.0,
        patience: int | None = None,
        dtype: str | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        callbacks: Sequence[train.Callback] = (),
        diagnose: bool = False,
        verbose: bool = False,
        **options: object,
    ) -> None:
        self.module = module
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.clip = clip
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.dtype = dtype
        self.warm_start = warm_start
        self.random_state = random_state
        self.callbacks = callbacks
        self.diagnose = diagnose
        self.verbose = verbose
        self._set_options(options)

    # -- parameters ----------------------------------------------------------------------------------------------------
    def _set_options(self, options: dict[str, object]) -> None:
        for name, value in options.items():  # wrong names are refused by `fit`, as scikit-learn asks
            setattr(self, name, value)

    def _refuse_unknown(self) -> None:
        known = self._get_param_names()
        for name in vars(self):
            if not (name in known or name.startswith((*_PREFIXES, "_")) or name.endswith("_")):
                raise TypeError(
                    f"{type(self).__name__} has no parameter {name!r}.{nearest(name, known)} Options of the module and "
                    "of the optimizer are written module__name and optimizer__name"
                )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters, `module__*` and `optimizer__*` included."""
        params: dict[str, Any] = super().get_params(deep)
        return params | {name: value for name, value in vars(self).items() if name.startswith(_PREFIXES)}

    def set_params(self, **params: object) -> Self:
        """Set parameters, `module__*` and `optimizer__*` included.

        Raises:
            ValueError: there is no parameter of that name.
        """
        options = {name: value for name, value in params.items() if name.startswith((*_PREFIXES, _OPTIONS))}
        super().set_params(**{name: value for name, value in params.items() if name not in options})
        self._set_options(options)
        return self

    def _options_of(self, prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): v for name, v in vars(self).items() if name.startswith(prefix)}

    # -- training ------------------------------------------------------------------------------------------------------
    def _dtype_for(self, x: Array) -> np.dtype[np.float64]:
        return np.dtype(self.dtype if self.dtype is not None else "float32" if x.dtype == np.float32 else "float64")

    def _train(
        self,
        x: Array,
        y: NDArray[np.generic],
        outputs: int,
        weights: Array | None,
        *,
        loss: str,
        go_on: bool = False,
        epochs: int | None = None,
    ) -> None:
        """Train a network with so many outputs on `(n, features)` rows and their targets.

        Args:
            x: the rows.
            y: `(n,)` labels, or `(n, outputs)` numbers.
            outputs: of the network.
            weights: `(n,)`, or None for equal ones.
            loss: where the parameter `loss` names none.
            go_on: keep the present weights and the state of the optimizer.
            epochs: instead of the parameter.
        """
        self._refuse_unknown()
        random = check_random_state(self.random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        dtype = self._dtype_for(x)
        x = np.asarray(x, dtype=dtype)
        y = y if y.dtype.kind in "iu" else y.astype(dtype)
        if weights is not None:
            x, y, weights = x[weights > 0], y[weights > 0], weights[weights > 0]
        if not go_on:
            self.model_ = self._make_model(x.shape[1], outputs, seed).astype(dtype)
            self._optimizer_state = None
        data, weights = self._split(x, y, weights, seed)
        doctor = Doctor() if self.diagnose else None
        batch_size: Any = min(200, len(data[0])) if self.batch_size == "auto" else self.batch_size
        arguments = self._optimizer_arguments()
        self.history_ = train.fit(
            self.model_,
            data,
            loss=self.loss if self.loss is not None else loss,
            **arguments,
            epochs=self.epochs if epochs is None else epochs,
            batch_size=batch_size,
            seed=seed,
            regularization=nn.L2(self.l2) if self.l2 else None,
            callbacks=[*self.callbacks, *(() if doctor is None else (doctor,))],
            checks=self.diagnose,
            patience=self.patience,
            restore_best=len(data) == 4,
            quiet=not self.verbose,
            sample_weight=weights,
        )
        self.history_.monitor = None  # it refers to the optimizer, and would be pickled along
        driver = arguments["optimizer"]
        self._optimizer_state = None if isinstance(driver, str) else driver.state_dict()
        self.n_iter_ = len(self.history_) + (self.n_iter_ if go_on else 0)
        if doctor is not None and doctor.diagnosis is not None:
            self.diagnosis_ = doctor.diagnosis

    def _goes_on(self, features: int, outputs: int) -> bool:
        """Whether there is a network to go on with."""
        return getattr(self, "_form", None) == (features, outputs) and hasattr(self, "model_")

    def _make_model(self, features: int, outputs: int, seed: int) -> nn.Module:
        self._form = features, outputs
        options = self._options_of("module__")
        if isinstance(self.module, str):
            if self.module not in ("mlp", "linear"):
                raise ValueError(f"module must be 'mlp', 'linear', a Module or a function, not {self.module!r}")
            hidden = tuple(self.hidden) if self.module == "mlp" else ()
            return nn.mlp(features, hidden, outputs, activation=self.activation, rng=seed, **options)
        if isinstance(self.module, nn.Module):
            return self.module.copy()
        if "rng" in inspect.signature(self.module).parameters:
            options.setdefault("rng", seed)
        return self.module(features, outputs, **options)

    def _optimizer_arguments(self) -> dict[str, Any]:
        """What `fit` is told about the optimizer.

        A driver that goes on where the last one stopped; under a schedule the optimizer's name.
        """
        options = self._options_of("optimizer__")
        if self.schedule is not None:
            if options:
                raise ValueError("schedule beside optimizer__* parameters: give optimizer__lr a schedule instead")
            return {"optimizer": self.optimizer, "lr": self.lr, "schedule": self.schedule, "clip": self.clip}
        if self.lr is not None:
            options["lr"] = self.lr
        clip = None if self.clip is None else ClipNorm(self.clip)
        named = self.model_.named_parameters()
        driver = mg.optimizer(self.optimizer, named, nonfinite="raise", clip=clip, **options)
        if self._optimizer_state is not None:
            driver.load_state_dict(self._optimizer_state)
        return {"optimizer": driver}

    def _split(
        self, x: Array, y: NDArray[np.generic], weights: Array | None, seed: int
    ) -> tuple[tuple[Any, ...], Array | None]:
        """Rows to train on and, with `validation_fraction`, rows to choose the best epoch by."""
        if not self.validation_fraction:
            return (x, y), weights
        stratify = y if y.dtype.kind in "iu" and np.bincount(np.asarray(y, np.int64)).min(initial=2) > 1 else None
        rows = np.arange(len(x))
        kept, held_out = train_test_split(
            rows, test_size=self.validation_fraction, random_state=seed % (1 << 31), stratify=stratify
        )
        return (x[kept], y[kept], x[held_out], y[held_out]), None if weights is None else weights[kept]

    # -- using it ------------------------------------------------------------------------------------------------------
    def _outputs(self, x: Array, model: nn.Module | None = None) -> Array:
        """Outputs of the network in evaluation mode, of its dtype."""
        model = self.model_ if model is None else model
        x = np.asarray(x, dtype=self.model_.parameters()[0].dtype)
        model.eval()
        with mg.no_grad():
            parts = [
                model(mg.tensor(x[first : first + _ROWS_AT_ONCE])).numpy() for first in range(0, len(x), _ROWS_AT_ONCE)
            ]
        return np.concatenate(parts)
