"""Running one setting under the diagnosis.

By `fit` where it can express the setting, else by a loop of one's own.
"""

from __future__ import annotations

import math
import time
import warnings

import attrs
import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor
from minigrad.core.tensor import from_array
from minigrad.diagnosis.catalog import Catalog
from minigrad.diagnosis.doctor import Doctor
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.watch import Watch, watch
from minigrad.nn import Module
from minigrad.optim import ClipNorm, Schedule, StatefulOptimizer
from minigrad.optim.stateful.factory import assemble
from minigrad.optim.stateful.param_groups import OptimizerOptions
from minigrad.runtime.parameters import assign
from minigrad.train import fit
from minigrad.train.errors import NonFiniteError, NonFiniteLoss
from minigrad.train.evaluation import eval_mode, evaluate
from minigrad.train.history import History
from minigrad.train.splits import Rows
from minigrad_diagnosis_bench.loops import BATCHES, GRADIENTS, WEIGHTS, Moment, plain_batch
from minigrad_diagnosis_bench.setting import Setting, build

__all__ = ["Outcome", "optimizer_for", "run", "score_on"]


@attrs.frozen(eq=False)
class Outcome:
    """What a run came to.

    Attributes:
        evidence: what the diagnosis saw.
        score: on sound validation rows at the end: accuracy, or R^2.
        losses: of every batch, for the baselines.
        val_losses: of every epoch, for the baselines.
        seconds: of the run.
        watching: seconds of the diagnosis in it.
    """

    evidence: Evidence
    score: float
    losses: tuple[float, ...]
    val_losses: tuple[float, ...]
    seconds: float
    watching: float


def run(s: Setting, seed: int, catalog: Catalog) -> Outcome:
    """Train, and keep what was seen. Nothing is printed."""
    model = build(s, seed)
    optimizer = optimizer_for(s, model.copy() if s.loop == "other copy" else model)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (_by_hand if s.by_hand else _by_fit)(s, model, optimizer, seed, catalog)


def score_on(model: Module, x: np.ndarray, y: np.ndarray) -> float:
    """Accuracy, or R^2; -1 for outputs that are not finite."""
    with eval_mode(model):
        outputs = model(from_array(x)).numpy()
    if not np.isfinite(outputs).all():
        return -1.0
    if y.dtype.kind in "iu":
        return float(np.mean(outputs.argmax(axis=-1) == y))
    goal = y.astype(np.float64).ravel()
    if set(np.unique(goal)) == {0.0, 1.0}:
        return float(np.mean((outputs.ravel() > 0.0) == (goal > 0.5)))
    return 1.0 - float(((outputs.ravel() - goal) ** 2).mean() / max(float(goal.var()), 1e-12))


@attrs.frozen
class _Scaled(Schedule):
    """A rate times a factor of the share of the run that is over."""

    setting: Setting
    lr: float
    total: int

    def __call__(self, t: int) -> float:
        """The rate of update `t`, from 1."""
        factor = self.setting.schedule
        return self.lr * (factor(min(1.0, (t - 1) / self.total)) if factor is not None else 1.0)


def optimizer_for(s: Setting, model: Module) -> StatefulOptimizer:
    named = model.named_parameters()
    if s.frozen is not None:
        named = named[: s.frozen] + named[s.frozen + 1 :]
    hyper: dict[str, float | Schedule] = dict(s.hyper)
    if s.schedule is not None:
        hyper["lr"] = _Scaled(s, s.hyper["lr"], s.epochs * -(-len(s.x) // s.batch))
    settings = OptimizerOptions(
        None if s.clip is None else ClipNorm(s.clip), s.maximise, missing="zero", nonfinite="raise"
    )
    return assemble(s.optimizer, named, (), False, settings, hyper)


def _by_fit(s: Setting, model: Module, optimizer: StatefulOptimizer, seed: int, catalog: Catalog) -> Outcome:
    doctor = Doctor(catalog, gradients=True)
    began = time.perf_counter()
    try:
        history = fit(
            model, (s.x, s.y, s.x_val, s.y_val), loss=s.loss_of(), optimizer=optimizer, epochs=s.epochs,
            batch_size=s.batch, seed=seed, regularization=nn.L2(s.l2) if s.l2 else None, callbacks=[doctor],
            checks=False, restore_best=False, quiet=True,
        )  # fmt: skip
        epochs = history.epochs
    except (NonFiniteError, NonFiniteLoss) as error:
        epochs = error.history.epochs if isinstance(error.history, History) else []
    assert doctor.evidence is not None, doctor.diagnosis
    vals = tuple(math.nan if e.val_loss is None else e.val_loss for e in epochs)
    spent = time.perf_counter() - began
    losses = doctor.evidence.losses + ((math.nan,) if doctor.evidence.failure else ())
    return Outcome(doctor.evidence, score_on(model, *s.sound), losses, vals, spent, doctor.seconds)


def _by_hand(s: Setting, model: Module, optimizer: StatefulOptimizer, seed: int, catalog: Catalog) -> Outcome:
    """The loop a person would write, with its mistakes."""
    began = time.perf_counter()
    loss = watch(s.loss_of(), model, optimizer, (s.x, s.y, s.x_val, s.y_val), catalog=catalog)
    term, vals = nn.L2(s.l2) if s.l2 else None, list[float]()
    rng = np.random.default_rng([seed, 9])
    try:
        for _ in range(s.epochs):
            rows = np.arange(len(s.x)) if s.order == "sorted" else rng.permutation(len(s.x))
            model.train(s.train_mode)
            if s.loop == "redrawn":
                _redraw(model, s, seed)
            before = rows[: s.batch]
            for start in range(0, len(rows), s.batch):
                at = Moment(rows, start, before, rng)
                batch = BATCHES.get(s.loop, plain_batch)(s, at)
                before = at.part(s)
                if batch is None:
                    break
                value = loss(model(from_array(batch[0])), batch[1])
                total: Tensor = value if term is None else value + term(model)
                if s.zero_grad:
                    optimizer.zero_grad()
                total.backward()
                if s.loop in GRADIENTS:
                    GRADIENTS[s.loop](optimizer, model, rng)
                if s.loop != "no step":
                    optimizer.step()
                if s.loop in WEIGHTS:
                    WEIGHTS[s.loop](model, rng)
            if not s.eval_mode:
                _scored_in_train_mode(s, model, loss)
            vals.append(_val_loss(s, model))
    except (mg.optim.NonFiniteGradient, nn.LabelError) as error:  # as a user asks why, after it
        loss.failure = f"{type(error).__name__}: {error}"
    finally:
        loss.close()
    evidence, spent = loss.evidence(), time.perf_counter() - began
    return Outcome(evidence, score_on(model, *s.sound), tuple(loss.losses), tuple(vals), spent, loss.seconds)


def _redraw(model: Module, s: Setting, seed: int) -> None:
    """Draw all weights anew, as a model that is built inside the loop over epochs."""
    fresh = build(s, seed + 1)
    for t, new in zip(model.parameters(), fresh.parameters(), strict=True):
        assign(t, new.numpy())


def _scored_in_train_mode(s: Setting, model: Module, loss: Watch) -> None:
    model.train()
    with mg.no_grad():
        loss(model(from_array(s.x_val)), s.y_val)


def _val_loss(s: Setting, model: Module) -> float:
    rows = Rows(s.x_val, s.y_val)
    return evaluate(model, rows, s.loss_of()).loss
