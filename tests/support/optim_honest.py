"""Mistakes that people make in good faith: the source of each plugin, and who refuses it.

The head is Adam with its laws; each mistake changes something in it.
"""

from __future__ import annotations

from textwrap import indent

_HEAD = """
from typing import ClassVar
import attrs
import numpy as np
from minigrad.optim import Moment, Need, NoState, Objective, Segment, choice, count, decay, flag, number, share
{before}
@attrs.frozen
class S:
    m: np.ndarray
    v: np.ndarray

@attrs.frozen
class Rule:
    api: ClassVar = (1, 0)
    needs: ClassVar = Need.GRAD
    laws: ClassVar = frozenset({laws})
    lr: float = number(1e-2, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, gt=0.0)
{fields}
    def init(self, w):
{init}

    def update(self, w, f, state, t):
        g = f.grad
{update}
"""
_ADAM = """\
m = self.beta1 * state.m + (1 - self.beta1) * g
v = self.beta2 * state.v + (1 - self.beta2) * g * g
m_hat, v_hat = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
return w - self.lr * m_hat / (np.sqrt(v_hat) + self.eps), S(m, v)"""
_FIRST = "m = self.beta1 * state.m + (1 - self.beta1) * g"
_SECOND = "v = self.beta2 * state.v + (1 - self.beta2) * g * g"
_ADAMS_LAWS = '{"elementwise", "translation", "negation", "scale-invariant"}'

HONEST: dict[str, tuple[str, str]] = {}
"""Name -> who refuses it ("load", "check", "process" for a check in several processes, or "nobody"), and the source."""
REASONS: dict[str, str] = {}
"""Why nobody refuses some."""


def plugin(
    update: str = _ADAM,
    *,
    init: str = "return S(np.zeros_like(w), np.zeros_like(w))",
    laws: str = _ADAMS_LAWS,
    fields: str = "",
    before: str = "",
) -> str:
    """The source of a module with one rule, Adam but for what is said."""
    return _HEAD.format(
        before=before,
        laws=laws,
        fields=indent(fields, " " * 4),
        init=indent(init, " " * 8),
        update=indent(update, " " * 8),
    )


def mistake(name: str, by: str, source: str, reason: str = "") -> None:
    """Put one into the corpus."""
    HONEST[name] = by, source
    if reason:
        REASONS[name] = reason


def instead(old: str, new: str, text: str = _ADAM) -> str:
    """Adam's update with one line of it different."""
    assert old in text
    return text.replace(old, new)


SCALED = '{"elementwise", "negation", "scale-invariant"}'
CONSTANT = '{"elementwise", "negation", "constant-step"}'

# -- formulas ----------------------------------------------------------------------------------------------------------
mistake("bias-correction-from-0", "load", plugin(_ADAM.replace("**t)", "**(t - 1))")))
mistake("bias-correction-late", "load", plugin(instead("self.beta1**t", "self.beta1**(t + 1)"), laws=CONSTANT))
mistake(
    "betas-swapped-in-correction",
    "load",
    plugin(instead("beta1**t), v / (1 - self.beta2**t)", "beta2**t), v / (1 - self.beta1**t)"), laws=CONSTANT),
)
mistake("bias-correction-forgotten-in-v", "load", plugin(instead("v / (1 - self.beta2**t)", "v"), laws=CONSTANT))
mistake("corrected-mean-is-stored", "load", plugin(instead("S(m, v)", "S(m_hat, v)"), laws=CONSTANT))
mistake("eps-inside-not-tiny", "load", plugin(instead("(np.sqrt(v_hat) + self.eps)", "np.sqrt(v_hat + 1.0)")))
mistake("square-root-forgotten", "load", plugin(instead("np.sqrt(v_hat)", "v_hat")))
mistake("plus-for-minus", "load", plugin(instead("w - self.lr", "w + self.lr")))
mistake("abs-of-the-mean", "load", plugin(instead("m_hat / (np", "abs(m_hat) / (np")))
mistake(
    "second-moment-of-the-mean",
    "nobody",
    plugin(instead("* g * g", "* m * g")),
    "another second moment, which keeps all that is claimed",
)
mistake(
    "decay-with-the-wrong-sign",
    "load",
    plugin(instead("w - self.lr * m_hat", "w * (1 + self.lr * 0.5) - self.lr * m_hat"), laws="set()"),
)
mistake("decay-in-the-adaptive-part", "load", plugin(_ADAM.replace("* g", "* (g + 0.1 * w)")))
mistake("rate-outside-forgotten", "load", plugin(instead("w - self.lr * m_hat", "w - 1e-3 * m_hat")))
mistake(
    "lr-falls-twice",
    "nobody",
    plugin(instead("self.lr * m_hat", "self.lr / t**0.5 * m_hat"), laws=SCALED),
    "a rate that falls is a rule of its own; constant-step was not claimed",
)
mistake(
    "nesterov-from-the-old-mean",
    "nobody",
    plugin(
        instead("m_hat / (np", "(self.beta1 * state.m + 0.1 * g) / (np"),
        laws='{"elementwise", "translation", "negation"}',
    ),
    "another momentum, which keeps all that is claimed",
)
mistake(
    "flips-after-50-steps",
    "check",
    plugin(instead("w - self.lr * m_hat", "w - self.lr * (1 if t < 50 else -1) * m_hat")),
)
mistake("warm-up-divides-by-0", "load", plugin(instead("self.lr * m_hat", "self.lr * (t - 1) / (t - 1) * m_hat")))
mistake(
    "clips-upwards",
    "load",
    plugin("n = np.sqrt(g @ g)\nreturn w - self.lr * g * (1.0 / n), state", laws='{"elementwise"}'),
)

# -- memory ------------------------------------------------------------------------------------------------------------
mistake("in-place-gradient", "load", plugin("g *= 0.5\n" + _ADAM))
mistake("in-place-weight-decay", "load", plugin("g += 0.01 * w\n" + _ADAM))
mistake("in-place-mean", "load", plugin(instead(_FIRST, "m = state.m\nm *= self.beta1\nm += (1 - self.beta1) * g")))
mistake(
    "in-place-through-out",
    "load",
    plugin(instead(_SECOND, "v = np.multiply(state.v, self.beta2, out=state.v) + 0.001 * g * g")),
)
mistake(
    "unlocks-the-state",
    "load",
    plugin(
        "m = state.m\nm.flags.writeable = True\nm *= self.beta1\nm += 0.1 * g\nreturn w - self.lr * m, state",
        laws="set()",
    ),
)
mistake(
    "one-array-for-both",
    "load",
    plugin(
        init="z = np.zeros_like(w)\nreturn S(z, z)",
        update="state.m[...] = 0.9 * state.m + g\nreturn w - self.lr * state.m, state",
        laws="set()",
    ),
)
mistake(
    "shared-default-array",
    "load",
    plugin(
        "M.setdefault(w.size, np.zeros_like(w))[...] += g\nreturn w - self.lr * M[w.size], state",
        before="M = {}",
        laws="set()",
    ),
)
mistake(
    "keyed-by-identity",
    "load",
    plugin(
        "m = M[id(state)] = 0.9 * M.get(id(state), 0) + g\nreturn w - self.lr * m, state", before="M = {}", laws="set()"
    ),
)
mistake("own-step-counter", "load", plugin("T[0] += 1\nt = T[0]\n" + _ADAM, before="T = [0]"))
mistake("remembers-the-gradient", "load", plugin("return w - self.lr * g, S(g, state.v)", laws="set()"))
mistake("keeps-a-view-of-the-weights", "load", plugin("return w - self.lr * g, S(w[:], state.v)", laws="set()"))
mistake(
    "cache-of-square-roots",
    "load",
    plugin(
        "v = state.v + g * g\nroot = R.setdefault(g.size, np.sqrt(v))\nreturn w - self.lr * g / root, S(state.m, v)",
        before="R = {}",
        laws="set()",
    ),
)
mistake(
    "lru-cache-by-t",
    "load",
    plugin(
        "return w - self.lr * g * factor(t), state",
        before="import functools, time\n@functools.lru_cache(1)\ndef factor(t):\n    return 1.0 + time.time() % 1",
        laws="set()",
    ),
)
mistake(
    "state-as-a-dict",
    "load",
    plugin(init="return {'m': np.zeros_like(w)}", update="return w - self.lr * g, {'m': g + 0.0}", laws="set()"),
)
mistake(
    "history-as-a-growing-tuple",
    "load",
    plugin(
        "return w - self.lr * g, H((*state.h, g.copy())[-20:])",
        init="return H(())",
        before="import attrs\n@attrs.frozen\nclass H:\n    h: tuple",
        laws="set()",
    ),
)

# -- dtypes and sizes --------------------------------------------------------------------------------------------------
mistake("double-precision-mean", "load", plugin(init="return S(np.zeros(w.size), np.zeros(w.size))"))
mistake("promotes-by-a-numpy-scalar", "load", plugin(instead("self.lr * m_hat", "np.float64(self.lr) * m_hat")))
mistake("half-precision-state", "load", plugin(instead("S(m, v)", "S(m.astype(np.float16), v)")))
mistake(
    "overflows-in-single",
    "load",
    plugin(
        instead(
            _SECOND, "v = self.beta2 * state.v + (1 - self.beta2) * (1e22 * g) ** 2 / np.square(1e22).astype(g.dtype)"
        )
    ),
)
mistake(
    "float32-eps-vanishes",
    "load",
    plugin(instead("(np.sqrt(v_hat) + self.eps)", "np.sqrt(v_hat + np.asarray(1e-50, w.dtype))")),
)
mistake(
    "squeezes-one-parameter", "load", plugin(_ADAM.replace("return ", "return np.squeeze(").replace(", S(m", "), S(m"))
)
mistake("first-entry-for-all", "load", plugin(instead("np.sqrt(v_hat)", "np.sqrt(v_hat[0])")))
mistake("sorts-the-gradient", "check", plugin("return w - self.lr * np.sort(g), state", laws='{"translation"}'))
mistake("rolls-by-one", "load", plugin("return w - self.lr * np.roll(g, 1), state", laws='{"translation"}'))

# -- the world ---------------------------------------------------------------------------------------------------------
mistake(
    "learning-rate-by-the-clock",
    "load",
    plugin("return w - self.lr * (1 + time.time() % 1e-3) * g, state", before="import time", laws="set()"),
)
mistake(
    "dropout-of-entries", "load", plugin("return w - self.lr * g * (np.random.rand(g.size) < 0.9), state", laws="set()")
)
mistake(
    "generator-in-the-module",
    "load",
    plugin(
        "return w - self.lr * (g + 1e-3 * RNG.standard_normal(g.size)), state",
        before="RNG = np.random.default_rng(0)",
        laws="set()",
    ),
)
mistake(
    "reseeds-each-step",
    "load",
    plugin("np.random.seed(t)\nreturn w - self.lr * g * np.random.rand(), state", laws="set()"),
)
mistake(
    "logs-to-a-file",
    "load",
    plugin(
        "with open(__file__ + '.log', 'a') as log:\n    log.write(str(t))\nreturn w - self.lr * g, state",
        laws="set()",
    ),
)
mistake("prints-the-norm", "load", plugin("print('norm', float(g @ g))\nreturn w - self.lr * g, state", laws="set()"))
mistake(
    "thread-for-the-square",
    "load",
    plugin(
        "with ThreadPoolExecutor(1) as pool:\n    v = pool.submit(np.square, g).result()\n"
        "return w - self.lr * g / (1 + v.max()), state",
        before="from concurrent.futures import ThreadPoolExecutor",
        laws="set()",
    ),
)
mistake("silences-warnings", "load", plugin("np.seterr(all='ignore')\n" + _ADAM))
mistake("patches-numpy", "load", plugin("np.float = float\n" + _ADAM))
mistake(
    "order-of-a-set",
    "process",
    plugin(
        "k = next(iter({'fast', 'slow', 'mean', 'rest'}))\n"
        "return w - self.lr * (1 + ['fast', 'slow', 'mean', 'rest'].index(k)) * g, state",
        laws="set()",
    ),
)
mistake(
    "environment-variable",
    "nobody",
    plugin("return w - self.lr * float(os.environ.get('MY_SCALE', '1')) * g, state", before="import os", laws="set()"),
    "reading the environment is seen only where it is set",
)
