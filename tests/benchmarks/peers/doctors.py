"""What Keras, Lightning and skorch say themselves of runs: `python doctors.py FOLDER`, in the peers' environment.

FOLDER holds the runs that `python -m benchmarks.diagnosis_peers` wrote: `runs.json`, and the arrays of each in an .npz.
Each framework trains each of them, with its own watching turned on, from the same weights. Prints one line of JSON for
each run: framework -> codes of what it said.

- Keras: TerminateOnNaN; EarlyStopping(patience=3), read as overfitting; ReduceLROnPlateau(patience=5), read as a rate
  that is too high.
- Lightning: the sanity check of the validation loop and detect_anomaly, whose errors are read as numbers that are not
  finite; EarlyStopping(patience=3, check_finite=True); overfit_batches=1, read as "something is wrong with model or
  loss" where 100 epochs of one batch leave more than a tenth of its first loss.
- skorch: EarlyStopping(patience=3); SkorchDoctor, which records activations, gradients and updates, and what it states.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import lightning
import numpy as np
import skorch
import torch
from lightning.pytorch.callbacks import EarlyStopping as LightningStopping
from numpy.typing import NDArray
from skorch._doctor import SkorchDoctor
from skorch.callbacks import EarlyStopping as SkorchStopping
from skorch.helper import predefined_split
from torch.utils.data import DataLoader, TensorDataset

Arrays = dict[str, NDArray[np.float32]]
Run = dict[str, object]
PATIENCE, PLATEAU, UPDATES = 3, 5, 100


def network(run: Run, arrays: Arrays) -> torch.nn.Sequential:
    """The network of a run, with its first weights."""
    ends: dict[str, Callable[[], torch.nn.Module]] = {
        "relu": torch.nn.ReLU,
        "tanh": torch.nn.Tanh,
        "sigmoid": torch.nn.Sigmoid,
        "softmax": lambda: torch.nn.Softmax(dim=-1),
    }
    layers: list[torch.nn.Module] = []
    for k in range(int(str(run["layers"]))):
        weight, bias = arrays[f"w{k}"], arrays[f"b{k}"]
        linear = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.T.copy()))
            linear.bias.copy_(torch.from_numpy(bias))
        layers.append(linear)
        last = k == int(str(run["layers"])) - 1
        name = str(run["end" if last else "activation"])
        layers += [ends[name]()] if name else []
        if float(str(run["dropout"])) and not last:
            layers.append(torch.nn.Dropout(float(str(run["dropout"]))))
    return torch.nn.Sequential(*layers)


def rows(run: Run, arrays: Arrays, split: str) -> TensorDataset:
    """Rows of "train" or "val"."""
    y = torch.from_numpy(arrays[f"y_{split}"])
    return TensorDataset(torch.from_numpy(arrays[f"x_{split}"]), y.long() if run["classes"] else y.float())


def loss_of(run: Run) -> torch.nn.Module:
    """The loss."""
    loss: torch.nn.Module = torch.nn.CrossEntropyLoss() if run["classes"] else torch.nn.MSELoss()
    return loss


def optimizer_of(run: Run, parameters: object) -> torch.optim.Optimizer:
    """The optimizer; its decay is the penalty of the run."""
    lr, decay = float(str(run["lr"])), 2.0 * float(str(run["l2"]))
    if run["optimizer"] == "adam":
        return torch.optim.Adam(parameters, lr=lr, weight_decay=decay)
    momentum = 0.9 if run["optimizer"] == "momentum" else 0.0
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=decay)


def said_by_keras(run: Run, arrays: Arrays) -> set[str]:
    """What Keras says."""
    layers: list[object] = [keras.Input(arrays["x_train"].shape[1:])]
    count = int(str(run["layers"]))
    for k in range(count):
        last = k == count - 1
        penalty = keras.regularizers.L2(float(str(run["l2"]))) if run["l2"] else None
        name = str(run["end" if last else "activation"]) or None
        layers.append(keras.layers.Dense(arrays[f"w{k}"].shape[1], activation=name, kernel_regularizer=penalty))
        if run["dropout"] and not last:
            layers.append(keras.layers.Dropout(float(str(run["dropout"]))))
    model = keras.Sequential(layers)
    model.set_weights([arrays[f"{kind}{k}"] for k in range(count) for kind in "wb"])
    lr = float(str(run["lr"]))
    momentum = 0.9 if run["optimizer"] == "momentum" else 0.0
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if run["classes"] else "mse"
    model.compile(keras.optimizers.Adam(lr) if run["optimizer"] == "adam" else keras.optimizers.SGD(lr, momentum), loss)
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=PATIENCE)
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=PLATEAU)
    history = model.fit(
        arrays["x_train"],
        arrays["y_train"],
        batch_size=int(str(run["batch"])),
        epochs=int(str(run["epochs"])),
        validation_data=(arrays["x_val"], arrays["y_val"]),
        callbacks=[keras.callbacks.TerminateOnNaN(), stopping, plateau],
        verbose=0,
    ).history
    said = {"OVERFIT"} if stopping.stopped_epoch else set()
    if any(not math.isfinite(v) for v in history["loss"]):
        said.add("NONFINITE")
    if float(model.optimizer.learning_rate) < 0.99 * lr:
        said.add("LR_HIGH")
    return said


class Lit(lightning.LightningModule):  # type: ignore[misc]  # untyped for those who check this file
    """A run as Lightning wants it."""

    def __init__(self, run: Run, arrays: Arrays) -> None:
        super().__init__()
        self.run, self.net, self.criterion = run, network(run, arrays), loss_of(run)
        self.losses: list[float] = []

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        """The loss of a batch."""
        value: torch.Tensor = self.criterion(self.net(batch[0]), batch[1])
        self.losses.append(float(value))
        return value

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> None:
        """Log the loss of a batch."""
        self.log("val_loss", self.criterion(self.net(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer."""
        return optimizer_of(self.run, self.parameters())


def said_by_lightning(run: Run, arrays: Arrays) -> set[str]:
    """What Lightning says."""
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
    }
    size = int(str(run["batch"]))
    train = DataLoader(rows(run, arrays, "train"), size, shuffle=True)
    val = DataLoader(rows(run, arrays, "val"), 256)
    stopping = LightningStopping(monitor="val_loss", patience=PATIENCE, check_finite=True)
    said, lit = set(), Lit(run, arrays)
    trainer = lightning.Trainer(
        max_epochs=int(str(run["epochs"])), detect_anomaly=True, callbacks=[stopping], num_sanity_val_steps=2, **quiet
    )
    try:
        trainer.fit(lit, train, val)
        reason = str(stopping.stopping_reason_message or "")
        if stopping.stopped_epoch:
            said.add("NONFINITE" if "finite" in reason else "OVERFIT")
    except RuntimeError as error:
        said.add("NONFINITE" if "nan" in str(error).lower() else "WIRING")
    few = Lit(run, arrays)
    lightning.Trainer(max_epochs=UPDATES, overfit_batches=1, limit_val_batches=0, **quiet).fit(few, train)
    if not few.losses[-1] < 0.1 * few.losses[0]:
        said.add("WIRING")
    return said


def said_by_skorch(run: Run, arrays: Arrays) -> set[str]:
    """What skorch says."""
    stopping = SkorchStopping(monitor="valid_loss", patience=PATIENCE, sink=lambda text: None)
    said = set()
    net = skorch.NeuralNet(
        network(run, arrays),
        loss_of(run),
        optimizer=lambda groups, lr: optimizer_of(run, groups),
        lr=float(str(run["lr"])),
        batch_size=int(str(run["batch"])),
        iterator_train__shuffle=True,
        max_epochs=int(str(run["epochs"])),
        train_split=predefined_split(rows(run, arrays, "val")),
        callbacks=[stopping],
        verbose=0,
    )
    y = arrays["y_train"]
    doctor, spoken = SkorchDoctor(net), io.StringIO()
    with contextlib.redirect_stdout(spoken):
        doctor.fit(arrays["x_train"], y.astype(np.int64) if run["classes"] else y)
    if stopping.misses_ >= PATIENCE and len(net.history) < int(str(run["epochs"])):
        said.add("OVERFIT")
    if spoken.getvalue().strip():
        said.add("SOMETHING")
    return said


FRAMEWORKS = {"Keras": said_by_keras, "Lightning": said_by_lightning, "skorch": said_by_skorch}


def main() -> None:
    """Train every run with every framework."""
    folder = Path(sys.argv[1])
    warnings.simplefilter("ignore")
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(1)
    for run in json.loads((folder / "runs.json").read_text()):
        with np.load(folder / f"{run['name']}.npz") as stored:
            arrays = dict(stored)
        said: dict[str, list[str]] = {}
        for framework, judge in FRAMEWORKS.items():
            torch.manual_seed(0)
            keras.utils.set_random_seed(0)
            try:
                said[framework] = sorted(judge(run, arrays))
            except Exception as error:  # what a framework refuses it says something about; the table shows it
                said[framework] = [f"{type(error).__name__}: {str(error)[:80]}"]
        print(json.dumps({"name": run["name"], "said": said}), flush=True)


if __name__ == "__main__":
    main()
