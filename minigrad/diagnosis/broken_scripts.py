"""For every finding the smallest script that is told it, and how the script is mended.

Three sound scripts and, for each code, the lines that break one of them. The documentation shows both, and a test runs
both: the broken one must be told this finding first, the mended one must not be told it.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["SCRIPTS", "BrokenScript"]

_CLASSES = """\
from minigrad import data as sets
from minigrad import nn

data = sets.blobs(600, 3, 6, spread=1.5, seed=0).scaled()
model = nn.Sequential(nn.Linear(6, 24, rng=0), nn.ReLU(), nn.Linear(24, 3, rng=1, gain=0.1))
loss = "softmax"
optimizer = "sgd"
lr = 0.1
epochs = 10
"""

_QUANTITIES = """\
import numpy as np

from minigrad import nn

rng = np.random.default_rng(0)
x = rng.standard_normal((600, 5)).astype(np.float32)
y = np.sin(x[:, :1]) + x[:, 1:2] + 0.1 * rng.standard_normal((600, 1)).astype(np.float32)
data = x[:450], y[:450], x[450:], y[450:]
model = nn.Sequential(nn.Linear(5, 24, rng=0), nn.ReLU(), nn.Linear(24, 1, rng=1, gain=0.1))
loss = "mse"
lr = 1e-2
epochs = 12
"""

_LOOP = """\
import numpy as np

import minigrad as mg
from minigrad import data as sets
from minigrad import diagnosis, nn

data = sets.blobs(600, 3, 6, spread=1.5, seed=0).scaled()
x_train, y_train = data.x_train, data.y_train
model = nn.Sequential(nn.Linear(6, 24, rng=0), nn.ReLU(), nn.Linear(24, 3, rng=1, gain=0.1))
optimizer = mg.optimizer("sgd", model.named_parameters(), lr=0.1)
loss = diagnosis.watch(nn.cross_entropy, model, optimizer, data)
rng = np.random.default_rng(0)
for epoch in range(10):
    order = rng.permutation(len(x_train))
    for start in range(0, len(order), 32):
        rows = order[start : start + 32]
        x, y = x_train[rows], y_train[rows]
        value = loss(model(mg.tensor(x)), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    model.eval()
    with mg.no_grad():
        loss(model(mg.tensor(data.x_val)), data.y_val)
    model.train()
print(loss.diagnose())
"""

_DATA = "data = sets.blobs(600, 3, 6, spread=1.5, seed=0).scaled()\n"
_MODEL = "model = nn.Sequential(nn.Linear(6, 24, rng=0), nn.ReLU(), nn.Linear(24, 3, rng=1, gain=0.1))\n"
_SPLIT = "data = x[:450], y[:450], x[450:], y[450:]\n"
_NET = "model = nn.Sequential(nn.Linear(5, 24, rng=0), nn.ReLU(), nn.Linear(24, 1, rng=1, gain=0.1))\n"
_TAKE = "        x, y = x_train[rows], y_train[rows]\n"
_STEP = "        optimizer.step()\n"
_DROP = "nn.Sequential(nn.Linear(6, 24, rng=0), nn.ReLU(), nn.Dropout(0.5), nn.Linear(24, 3, rng=1, gain=0.1))\n"


@attrs.frozen
class BrokenScript:
    """A script with one mistake.

    Attributes:
        mended: the script without it.
        changes: lines of the mended script -> the lines that stand there in the broken one.
        watched: whether it prints its own diagnosis; otherwise it is a model script for `minigrad doctor`.
    """

    mended: str
    changes: tuple[tuple[str, str], ...]
    watched: bool = False

    @property
    def broken(self) -> str:
        """The script with the mistake.

        Raises:
            ValueError: a line that is to be changed is not there.
        """
        text = self.mended
        for line, instead in self.changes:
            if line not in text:
                raise ValueError(f"there is no line {line!r}")
            text = text.replace(line, instead, 1)
        return text


def _classes(*changes: tuple[str, str]) -> BrokenScript:
    return BrokenScript(_CLASSES, changes)


def _quantities(*changes: tuple[str, str]) -> BrokenScript:
    return BrokenScript(_QUANTITIES, changes)


def _loop(*changes: tuple[str, str]) -> BrokenScript:
    return BrokenScript(_LOOP, changes, watched=True)


def _arrays(change: str) -> tuple[str, str]:
    """The data of the script of classes as arrays `x`, `y`, `v`, `w` that a line changes."""
    return _DATA, (
        "import numpy as np\n\nd = sets.blobs(600, 3, 6, spread=1.5, seed=0).scaled()\n"
        f"x, y, v, w = d.x_train, d.y_train, d.x_val, d.y_val\n{change}\ndata = x, y, v, w\n"
    )


_PARITY = """\
rng = np.random.default_rng(0)
x = rng.integers(0, 2, (600, 6))
y = x.sum(axis=1) % 2
data = x[:450], y[:450], x[450:], y[450:]
"""
_SYMBOLS = """\
import numpy as np

x = np.random.default_rng(0).integers(0, 10, (900, 6))
y = ((x >= 5).sum(axis=1) >= 3).astype(np.int64)
data = x[:600], y[:600], x[600:], y[600:]
"""
_OWN_LOSS = 'loss = "softmax"\n'

SCRIPTS: Mapping[str, BrokenScript] = {
    "BAD_DATA": _quantities((_SPLIT, "x[7, 2] = np.nan\n" + _SPLIT)),
    "INPUT_SCALE": _classes(_arrays("x, v = 100 * x, 100 * v")),
    "TARGET_SCALE": _quantities((_SPLIT, "y = 80 * y + 150\n" + _SPLIT)),
    "LABELS_RANDOM": _classes(
        _arrays("y = np.random.default_rng(0).permutation(y)\nw = np.random.default_rng(1).permutation(w)"),
        ("lr = 0.1\n", "lr = 0.02\n"),
    ),
    "LABEL_MISMATCH": _classes(_arrays("y = (y + 1) % 3")),
    "VAL_SHIFT": _classes(_arrays("v = 8 * v")),
    "LEAK": _classes(_arrays("x, y = np.concatenate([x, v[:60]]), np.concatenate([y, w[:60]])")),
    "TARGET_LEAK": _quantities((_SPLIT, "x[:, 4] = y[:, 0]\n" + _SPLIT)),
    "UNSHUFFLED": _loop(("    order = rng.permutation(len(x_train))\n", "    order = np.argsort(y_train)\n")),
    "SAME_BATCH": _loop((_TAKE, "        x, y = x_train[:32], y_train[:32]\n")),
    "MISPAIRED": _loop((_TAKE, "        x, y = x_train[rng.permutation(rows)], y_train[rows]\n")),
    "ROWS_UNUSED": _loop((_TAKE, "        rows = rows // 10\n" + _TAKE)),
    "BATCH_SHIFT": _loop((_TAKE, "        x, y = 40 * x_train[rows], y_train[rows]\n")),
    "LOSS_BLIND": _quantities(
        ('loss = "mse"\n', "\n\ndef loss(outputs, targets):\n    return (outputs**2).mean()\n\n\n")
    ),
    "ROWS_MIXED": _classes((_MODEL, _MODEL.rstrip()[:-1] + ", lambda t: t - t.mean(axis=0, keepdims=True))\n")),
    "INPUT_IGNORED": _classes((_MODEL, _MODEL.replace("Sequential(", "Sequential(lambda t: t * 0.0, "))),
    "OTHER_PARAMETERS": _loop(("model.named_parameters(), lr", "model.copy().named_parameters(), missing='zero', lr")),
    "NO_UPDATE": _loop((_STEP, "")),
    "LOSS_UNBOUNDED": _quantities(
        (_SPLIT, "y = np.sign(y)\n" + _SPLIT),
        ("from minigrad import nn\n", "import minigrad as mg\nfrom minigrad import nn\n"),
        (
            'loss = "mse"\n',
            "\n\ndef loss(outputs, targets):\n    return (mg.softplus(outputs) - targets * outputs).mean()\n\n\n",
        ),
    ),
    "OUTPUT_RANGE": _quantities((_NET, _NET.rstrip()[:-1] + ", nn.Sigmoid())\n")),
    "WEIGHTS_RESET": _loop(
        (
            "    order = rng",
            "    for layer in (model[0], model[2]):\n"
            "        layer.load_state_dict(nn.Linear(*layer.weight.shape, rng=5).state_dict())\n"
            "    order = rng",
        )
    ),
    "LOST_UPDATES": _classes((_MODEL, _MODEL.rstrip() + '.astype("float16")\n'), ("lr = 0.1\n", "lr = 1e-6\n")),
    "GRAD_BUG": _classes((_MODEL, _MODEL.rstrip()[:-1] + ", lambda t: 0.5 * t + 0.5 * t.detach())\n")),
    "DOUBLE_SOFTMAX": _classes((_MODEL, _MODEL.rstrip()[:-1] + ", nn.Softmax())\n")),
    "CLIPPED_OUTPUT": _classes((_MODEL, _MODEL.rstrip()[:-1] + ", nn.ReLU())\n")),
    "ONE_OUTPUT": _classes(_arrays("y, w = 0 * y, 0 * w"), (_MODEL, _MODEL.replace("24, 3", "24, 1"))),
    "WRONG_LOSS": _classes(
        _arrays('y, w = y.astype("f4"), w.astype("f4")'),
        (_MODEL, _MODEL.replace("24, 3", "24, 1")),
        (_OWN_LOSS, 'loss = "mse"\n'),
        ("lr = 0.1\n", "lr = 0.01\n"),
    ),
    "SUM_LOSS": _classes(
        (
            _OWN_LOSS,
            "\n\ndef loss(outputs, targets):\n    return nn.cross_entropy(outputs, targets) * len(targets)\n\n\n",
        )
    ),
    "STALE_GRAD": _loop(("        optimizer.zero_grad()\n", "")),
    "GRAD_CHANGED": _loop((_STEP, "        optimizer.buckets[0].grads[:144] *= -1\n" + _STEP)),
    "ASCENT": _loop(("lr=0.1)", "lr=0.1, maximise=True)")),
    "FROZEN_PARAM": _loop(("model.named_parameters()", "model.named_parameters()[1:]")),
    "LINEAR_STACK": _classes((_MODEL, _MODEL.replace(" nn.ReLU(),", ""))),
    "EVAL_WHILE_TRAINING": _loop((_MODEL, "model = " + _DROP), ("    model.train()\n", "")),
    "TRAIN_WHILE_EVAL": _loop((_MODEL, "model = " + _DROP), ("    model.eval()\n", "")),
    "SYMMETRY": _classes((_MODEL, _MODEL.replace("24, rng=0", 'weight_init="zeros"'.join(["24, ", ""])))),
    "INIT_LOSS": _classes((_MODEL, _MODEL.replace("gain=0.1", "gain=60.0")), ("lr = 0.1\n", "lr = 0.01\n")),
    "VANISH": _classes(
        (
            _MODEL,
            "model = nn.Sequential(*(layer for k in range(6) for layer in (\n"
            "    nn.Linear(6 if k == 0 else 24, 24, gain=0.02, rng=k), nn.Tanh())), nn.Linear(24, 3, rng=9))\n",
        )
    ),
    "EXPLODE": _classes(
        (_MODEL, _MODEL.replace("24, rng=0", "24, rng=0, gain=0.02").replace("gain=0.1", "gain=100.0")),
        ("lr = 0.1\n", "lr = 1e-4\n"),
    ),
    "SATURATED": _classes((_MODEL, _MODEL.replace("24, rng=0", "24, rng=0, gain=60.0").replace("ReLU", "Tanh"))),
    "NONFINITE": _quantities(('loss = "mse"\n', 'loss = "mse"\noptimizer = "sgd"\n'), ("lr = 1e-2\n", "lr = 1e6\n")),
    "DIVERGE": _quantities(("lr = 1e-2\n", "lr = 1.0\n")),
    "DEAD_RELU": _classes(
        (
            _MODEL,
            _MODEL + "state = model.state_dict()\n"
            'model.load_state_dict({**state, "layers.0.bias": state["layers.0.bias"] - 20.0})\n',
        )
    ),
    "LR_HIGH": _quantities(("lr = 1e-2\n", "lr = 0.6\n")),
    "LR_LOW": _classes(("lr = 0.1\n", "lr = 1e-5\n")),
    "LR_DECAY_FAST": _loop(
        (
            "optimizer = ",
            "\n\nclass Cooled(mg.optim.Schedule):\n    def __call__(self, t):\n"
            "        return 0.02 * 0.7**t\n\n\noptimizer = ",
        ),
        ("lr=0.1)", "lr=Cooled())"),
    ),
    "BATCH_NOISE": _quantities(
        (_NET, _NET.replace("ReLU", "Tanh") + "batch_size = 1\n"), ("lr = 1e-2\n", "lr = 0.1\n")
    ),
    "REG_DOMINATES": _classes((_OWN_LOSS, _OWN_LOSS + "regularization = nn.L2(1.0)\n")),
    "DROPOUT_HIGH": _classes((_MODEL, _MODEL.rstrip()[:-1] + ", nn.Dropout(0.5))\n")),
    "OVERFIT": _classes(
        (
            _DATA,
            "import numpy as np\n\nrng = np.random.default_rng(0)\n"
            "x = rng.standard_normal((240, 30)).astype(np.float32)\n"
            "y = (x[:, 0] + x[:, 1] + 0.8 * rng.standard_normal(240) > 0).astype(np.int64)\n"
            "data = x[:40], y[:40], x[40:], y[40:]\n",
        ),
        (_MODEL, "model = nn.mlp(30, [64], 2, rng=0)\n"),
        ("epochs = 10\n", "epochs = 120\n"),
    ),
    "IMBALANCE": _classes(
        (
            _DATA,
            "import numpy as np\n\nrng = np.random.default_rng(0)\n"
            "y = np.where(np.arange(900) < 600, rng.random(900) < 0.03, rng.random(900) < 0.4)\n"
            "x = (rng.standard_normal((900, 6)) + 1.2 * y[:, None]).astype(np.float32)\n"
            "y = y.astype(np.int64)\ndata = x[:600], y[:600], x[600:], y[600:]\n",
        ),
        (_MODEL, _MODEL.replace("24, 3", "24, 2")),
    ),
    "UNDERFIT": _classes(
        (_MODEL, "model = nn.Sequential(nn.Linear(6, 1, rng=0), nn.Tanh(), nn.Linear(1, 3, rng=1))\n"),
        (_DATA, _DATA.replace("600, 3, 6, spread=1.5", "900, 3, 6, spread=1.0")),
    ),
    "NO_LEARNING": _loop(
        (_DATA, _PARITY),
        ("x_train, y_train = data.x_train, data.y_train\n", "x_train, y_train = x[:450], y[:450]\n"),
        (_MODEL, "model = nn.Sequential(nn.Embedding(2, 8), lambda t: t.mean(axis=1), nn.Linear(8, 2, gain=0.1))\n"),
        ("data.x_val", "data[2]"),
        ("data.y_val", "data[3]"),
    ),
    "CHECK_FAILED": _classes(
        (_DATA, _SYMBOLS),
        ('optimizer = "sgd"\n', 'optimizer = "adam"\n'),
        ("lr = 0.1\n", "lr = 0.02\n"),
        (
            _MODEL,
            "model = nn.Sequential(lambda t: np.minimum(t.numpy(), 1), nn.Embedding(10, 8),\n"
            "    lambda t: t.mean(axis=1), nn.Linear(8, 2, rng=1, gain=0.1))\n",
        ),
    ),
}
"""Code -> a script that is told it first."""
