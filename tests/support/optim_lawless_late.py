"""Optimizers whose faults show late, at certain sizes, in one dtype, with one option, or outside their own memory."""

from __future__ import annotations

import atexit
import builtins
import decimal
import gc
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import attrs
import numpy as np

from minigrad.optim import Moment, NoState, Objective, choice, count, number
from minigrad.typing import Array
from support.optim_lawful import Descent, Rolling, V

T = TypeVar("T", bound=type)
KINDS: dict[str, tuple[str, type]] = {}
"""Name -> who refuses it ("load", "check", "process" for a check in several processes, or "nobody"), and the class."""
REASONS = {
    "NoisyAfter100000": "no examination runs as long",
    "NoisyFrom1000000Parameters": "no examination is as large",
    "ChangesTheUmask": "it cannot be read without being changed for all threads",
}
"""Why nobody refuses them."""


def caught(by: str) -> Callable[[T], T]:
    """Put a class into the gallery."""

    def add(cls: T) -> T:
        KINDS[cls.__name__] = (by, cls)
        return cls

    return add


def noise() -> float:
    return float(np.random.default_rng().random())


# -- late --------------------------------------------------------------------------------------------------------------
def after(step: int) -> type:
    class Late(Descent):
        def direction(self, w: Array, f: Objective, t: int) -> Array:
            return f.grad * (noise() if t > step else 1.0)

    return Late


for step, by in (
    (7, "load"),
    (13, "load"),
    (20, "check"),
    (60, "check"),
    (150, "check"),
    (190, "check"),
    (100_000, "nobody"),
):
    KINDS[f"NoisyAfter{step}"] = (by, after(step))


@caught("check")
class StateGrowsLate(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.momentum * state.v + f.grad
        return w - self.lr * v, V(v if t < 40 else v.astype(np.float32))


@caught("check")
class WritesItsStateLate(Rolling):
    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.momentum * state.v + f.grad
        if t == 50:
            base: Any = state.v if state.v.base is None else state.v.base
            base.flags.writeable = True
            base[...] = v
        return w - self.lr * v, V(v)


# -- sizes -------------------------------------------------------------------------------------------------------------
def from_size(size: int) -> type:
    class Wide(Descent):
        def direction(self, w: Array, f: Objective, t: int) -> Array:
            return f.grad * (noise() if w.size >= size else 1.0)

    return Wide


for size, by in ((9, "load"), (101, "load"), (1000, "check"), (10_000, "check"), (1_000_000, "nobody")):
    KINDS[f"NoisyFrom{size}Parameters"] = (by, from_size(size))


@caught("load")
class OneParameterIsSpecial(Descent):
    laws: ClassVar[frozenset[str]] = frozenset({"elementwise"})

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (2.0 if w.size == 1 else 1.0)


# -- dtypes and gradients ----------------------------------------------------------------------------------------------
@caught("load")
class NoisyInSinglePrecision(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (np.float32(noise()) if w.dtype == np.float32 else 1.0)


@caught("load")
class DoubleStateForSingle(Rolling):
    def init(self, w: Array) -> V:
        return V(np.zeros(w.shape))

    def update(self, w: Array, f: Objective, state: V, t: int) -> tuple[Array, V]:
        v = self.momentum * state.v + f.grad
        return w - (self.lr * v).astype(w.dtype), V(v)


@caught("load")
class NoisyDownhillOnly(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (noise() if (f.grad < 0).all() else 1.0)


@caught("load")
class NoisyUphillOnly(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (noise() if (f.grad > 0).all() else 1.0)


@caught("load")
class NoisyWhereSparse(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (noise() if w.size > 1 and (f.grad == 0).mean() > 0.5 and f.grad.any() else 1.0)


@caught("load")
class InfiniteWhereAGradientIsZero(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        with np.errstate(all="ignore"):
            return np.where(f.grad == 0.0, np.inf if w.size > 20 else 0.0, f.grad)


# -- options -----------------------------------------------------------------------------------------------------------
@caught("load")
@attrs.frozen
class NoisyWord(Descent):
    form: Literal["plain", "wild", "wilder"] = choice("plain", ("plain", "wild", "wilder"))

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (noise() if self.form == "wilder" else 1.0)


@caught("load")
@attrs.frozen
class NoisyTemperature(Descent):
    temperature: float = number(0.0, ge=0.0)

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad + self.temperature * noise()


@caught("load")
@attrs.frozen
class NoisyCount(Descent):
    warm: int = count(0)

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (noise() if self.warm else 1.0)


@caught("check")
@attrs.frozen
class NoisyAboveItsDefault(Descent):
    scale: float = number(1.0, ge=0.0)

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (noise() if self.scale > 1.0 else self.scale)


# -- hash seeds --------------------------------------------------------------------------------------------------------
@caught("process")
class DependsOnTheHashSeed(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * (1.0 + (hash("step") % 7) / 10.0)


@caught("process")
class FollowsTheOrderOfASet(Descent):
    def direction(self, w: Array, f: Objective, t: int) -> Array:
        return f.grad * next(1.0 + 0.1 * ord(c[0]) for c in {"alpha", "beta", "gamma", "delta", "epsilon"}) / 100.0


# -- the process -------------------------------------------------------------------------------------------------------
def doing(name: str, act: Any, by: str = "load") -> None:
    """Put a rule into the gallery whose update does something besides."""

    class Meddler(Descent):
        def direction(self, w: Array, f: Objective, t: int) -> Array:
            act()
            return f.grad

    Meddler.__name__ = Meddler.__qualname__ = name
    KINDS[name] = (by, Meddler)


def _patch_numpy() -> None:
    np.sqrt = np.sqrt if getattr(np.sqrt, "patched", False) else _Patched(np.sqrt)  # type: ignore[assignment]


class _Patched:
    patched = True

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.inner(*args, **kwargs)


def _patch_moment() -> None:
    Moment.update = Moment.update if getattr(Moment.update, "patched", False) else _Patched(Moment.update)  # type: ignore[method-assign]


_COMMANDS = [[sys.executable, "-c", ""]]
"""Run once, since each takes long."""


def _daemon() -> None:
    threading.Thread(target=time.sleep, args=(0.01,), daemon=True).start()


def _temporary() -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"step")


def _link() -> None:
    path = Path(tempfile.gettempdir()) / f"minigrad-lawless-{os.getpid()}"
    path.symlink_to("/nowhere")
    path.unlink()


doing("StartsADaemon", _daemon)
doing("WritesATemporaryFile", _temporary)
doing("MakesALink", _link)
doing("RunsACommand", lambda: _COMMANDS and subprocess.run(_COMMANDS.pop(), check=True))
doing("OpensASocket", lambda: socket.socket().close())
doing("SetsAnAlarm", lambda: signal.setitimer(signal.ITIMER_REAL, 1000.0))
doing("SetsTheEnvironment", lambda: os.environ.__setitem__("OMP_NUM_THREADS", "96"))
doing("SeedsNumPy", lambda: np.random.seed(0))
doing("SeedsPython", lambda: random.seed(0))
doing("StopsTheCollector", gc.disable)
doing("SetsTheRecursionLimit", lambda: sys.setrecursionlimit(5000))
doing("SetsPrintOptions", lambda: np.set_printoptions(precision=3))
doing("FiltersWarnings", lambda: warnings.simplefilter("ignore"))
doing("TracesEveryCall", lambda: sys.settrace(lambda *_: None))
doing("SetsTheDecimalContext", lambda: decimal.getcontext().__setattr__("prec", 5))
doing("ReplacesTheExceptionHook", lambda: setattr(sys, "excepthook", lambda *_: None))
doing("RegistersAtExit", lambda: atexit.register(int))
doing("SetsUpLogging", lambda: logging.basicConfig(level=logging.DEBUG, force=True))
doing("PatchesNumPy", _patch_numpy)
doing("PatchesMoment", _patch_moment)
doing("PatchesABuiltin", lambda: setattr(builtins, "minigrad_lawless", 1))
doing("ChangesTheUmask", lambda: os.umask(0o22) and None, "nobody")


@caught("load")
class EatsTheFirstGradient(Descent):
    """An Objective is for one step: what is kept of it goes stale."""

    kept: ClassVar[list[Objective]] = []

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        self.kept.append(f)
        return self.kept[0].grad if w.size == self.kept[0].grad.size else f.grad


@caught("load")
class StateIsNotTheState(Descent):
    """Returns the state of the step before for ever."""

    first: ClassVar[list[NoState]] = []
    rates: ClassVar[list[float]] = [0.0]

    def direction(self, w: Array, f: Objective, t: int) -> Array:
        self.rates[0] += 1.0
        return f.grad * self.rates[0] / (1.0 + self.rates[0])
