"""Model scripts: every field checked, each error at its line, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from minigrad import nn, optim
from minigrad.data import Loader
from minigrad.train import ScriptError, load_script
from minigrad.train.script.fields import FIELDS, suggest_field
from minigrad.train.script.script_ast import outline

SCRIPT = """\
import numpy as np
import minigrad as mg
from minigrad import data as sets, nn, optim, train

rng = np.random.default_rng(0)
x, y = rng.normal(size=(40, 4)), rng.integers(0, 3, 40)
model = nn.mlp(4, [8], 3, rng=0)
data = (x, y)
loss = "softmax"
"""
"""Fields on lines 7, 8 and 9."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.py"


def refused(path: Path, text: str) -> str:
    """The message about a script, without the folder."""
    path.write_text(text)
    with pytest.raises(ScriptError) as caught:
        load_script(path)
    return str(caught.value).removeprefix(str(path.parent) + "/")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("optimizer = 'adm'", "optimizer: there is no optimizer 'adm'. Did you mean 'adam'?"),
        ("optimizer = mg.optimizer", "optimizer: it is of type function; it must be the name of an installed"),
        ("lr = -1.0", "lr: Adam.lr must be a finite number >= 0"),
        ("lr = '0.1'", "lr: it is '0.1'; it must be a learning rate, a number"),
        ("lr = True", "lr: it is True; it must be"),
        ("schedule = 'cosin'", "schedule: there is no schedule 'cosin'. Did you mean 'cosine'?"),
        ("schedule = 0.1", "schedule: it is 0.1; it must be a name"),
        ("schedule = lambda t: 'x' * t", "schedule: ValueError: could not convert string"),
        ("schedule = lambda t: 1 / (t - 1)", "schedule: ZeroDivisionError: division by zero"),
        ("schedule = lambda t: float('inf')", "schedule: gives a learning rate that is not finite"),
        ("epochs = 0", "epochs: it is 0; it must be a whole number, at least 1"),
        ("epochs = 3.0", "epochs: it is 3.0; it must be"),
        ("batch_size = True", "batch_size: it is True; it must be"),
        ("accumulate = -2", "accumulate: it is -2; it must be"),
        ("warmup = -1", "warmup: it is -1"),
        ("clip = 'no'", "clip: it is 'no'"),
        ("patience = 0", "patience: it is 0"),
        ("seed = -1", "seed: it is -1; it must be a whole number, at least 0"),
        ("metrics = [3]", "metrics: it is [3]; it must be names of metrics"),
        ("mode = 'up'", "mode: it is 'up'; it must be 'max' or 'min'"),
        (
            "callbacks = [print]",
            "callbacks: it is [<built-in function print>]; it must be a list of minigrad.train.Callback",
        ),
        ("regularization = 1e-3", "regularization: it is 0.001; it must be a function of the model"),
        ("regularization = nn.L2", "regularization: it is the class L2, not an object of it (is '()' missing?)"),
        ("regularization = lambda m: 0.1", "regularization: returns an object of type float, not a Tensor"),
        ("regularization = lambda m: m.parameters()[0]", "regularization: returns a Tensor of shape (4, 8), not one"),
        ("regularization = lambda m: m.weights", "regularization: AttributeError: 'Sequential' object has no"),
        ("model = None", "model: it is None; it must be a minigrad.nn.Module"),
        ("model = nn.mlp", "model: it is of type function; it must be a minigrad.nn.Module"),
        ("model = nn.Linear", "model: it is the class Linear, not an object of it (is '()' missing?)"),
        ("model = nn.ReLU()", "model: ReLU has no parameters"),
        ("model = nn.mlp(5, [], 3)", "model: cannot take rows of (4,): layers.0: "),
        ("data = 'fashon'", "data: unknown data set 'fashon'. Did you mean 'fashion'?"),
        ("data = 'nowhere/x.npz'", "data: nowhere/x.npz: no such file"),
        ("data = [x, y]", "data: it is of type list; it must be the name of an embedded set, a Dataset"),
        ("data = (x, y[:-1])", "data: x_train has shape (40, 4) and y_train (39,)"),
        ("data = (x * np.nan, y)", "data: x_train row 0: "),
        ("data = sets.load('digits')", "data: digits holds raw pixels (uint8): pass data.scaled()"),
        ("data = (sets.Loader(x, y), x)", "data: beside a Loader, data holds x_val and y_val"),
        ("loss = 'sofmax'", "loss: there is no loss 'sofmax'. Did you mean 'softmax'?"),
        ("loss = 3", "loss: it is 3; it must be 'softmax', 'svm', 'mse', or a function"),
        ("loss = nn.SoftmaxCrossEntropy", "loss: it is the class SoftmaxCrossEntropy, not an object of it"),
        ("loss = lambda o, t: 1.0", "loss: returns an object of type float, not a Tensor"),
        ("loss = lambda o, t: o * o", "loss: returns a Tensor of shape (2, 3), not one number: is .mean() missing?"),
        ("loss = lambda o: o.mean()", "loss: TypeError: <lambda>() takes 1 positional argument but 2 were given"),
        ("loss = mg.mse_loss", "loss: mse_loss: (2, 3) beside"),
        (
            "optimiser = 'adam'",
            "optimiser: there is no such field, and nothing in the file reads it. Did you mean 'opt",
        ),
        ("epoch = 3", "epoch: there is no such field, and nothing in the file reads it. Did you mean 'epochs'?"),
        (
            "learning_rate = 1",
            "learning_rate: there is no such field, and nothing in the file reads it. Did you mean 'lr'",
        ),
        ("batchsize = 3", "Did you mean 'batch_size'?"),
        ("scheduler = 'cosine'", "Did you mean 'schedule'?"),
        ("weight_decay = 1e-4", "Did you mean 'regularization'?"),
        ("raise RuntimeError('stop')", "RuntimeError: stop"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("np.linalg.inv(np.zeros((2, 2)))", "LinAlgError: Singular matrix"),
        ("import nunpy", "ModuleNotFoundError: No module named 'nunpy'"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(line: str, wanted: str, path: Path) -> None:
    message = refused(path, f"{SCRIPT}# padding\n{line}\n# more\n")
    assert message.startswith("s.py:11: "), message
    assert wanted in message


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("model =", "modle =", "s.py:7: the script defines no 'model'. Is 'modle' meant to be 'model'?"),
        ("model =", "net =", "s.py:7: the script defines no 'model'. Is 'net' meant to be 'model'?"),
        ("data =", "dataset =", "s.py:8: the script defines no 'data'. Is 'dataset' meant to be 'data'?"),
        ("loss =", "criterion =", "s.py:9: the script defines no 'loss'. Is 'criterion' meant to be 'loss'?"),
        ("loss =", "_", "s.py:8: the script defines no 'loss'. (loss: 'softmax', 'svm', 'mse', or"),
    ],
)
def test_a_missing_field_names_what_looks_like_it(old: str, new: str, wanted: str, path: Path) -> None:
    text = SCRIPT.replace(f"{old} ", f"{new} ") if new != "_" else SCRIPT.replace('loss = "softmax"\n', "")
    assert wanted in refused(path, text)


def test_labels_that_the_model_has_no_score_for(path: Path) -> None:
    message = refused(path, SCRIPT + "model = nn.mlp(4, [], 2)\n")
    assert message.startswith("s.py:8: data: y_train row 1: label 2, and 16 more rows are out of range")


def test_an_empty_file_and_files_that_are_none(path: Path, tmp_path: Path) -> None:
    assert refused(path, "").startswith("s.py:1: the script defines no 'model' and no 'data' and no 'loss'.")
    with pytest.raises(ScriptError, match="No such file"):
        load_script(tmp_path / "none.py")
    with pytest.raises(ScriptError, match="Is a directory"):
        load_script(tmp_path)
    path.write_bytes(b"\x00\x01\x02")
    with pytest.raises(ScriptError, match=r"s\.py:1: (SyntaxError|ValueError)"):
        load_script(path)


def test_a_script_with_a_loop_of_its_own_is_told_how_to_run_before_anything_runs(path: Path) -> None:
    text = "raise SystemExit('it ran')\nmodel = 1\nfor i in range(3):\n    total.backward()\n    opt.step()\n"
    message = refused(path, text)
    assert message.startswith("s.py:4: the script trains by itself (backward) and defines no 'data' and no 'loss'")
    assert "run it with python" in message
    assert "minigrad.diagnosis.watch(loss, model, optimizer, data)" in message


LOOP = """\
from minigrad import data, nn
model = nn.mlp(64, [8], 10, rng=0)
digits = data.load("digits").scaled()
raise SystemExit("it ran")
for x, y in data.batches(digits.x_train, digits.y_train, 32):
    loss = nn.cross_entropy(model(x), y)
    loss.backward()
"""


def test_a_module_and_what_a_loop_computes_are_no_fields(path: Path) -> None:
    message = refused(path, LOOP)
    assert message.startswith("s.py:7: the script trains by itself (backward) and defines no 'data' and no 'loss'")
    assert "(backward) and defines no 'loss': " in refused(path, LOOP.replace("digits =", "data ="))
    assert len(message) < 300


def test_a_call_of_fit_is_told_of_the_callback_that_diagnoses(path: Path) -> None:
    message = refused(path, "from minigrad import train\nmodel = 1\ntrain.fit(model, (1, 2))\n")
    assert message.startswith("s.py:3: the script trains by itself (fit)")
    assert "callbacks=[doctor := minigrad.diagnosis.Doctor()]" in message


def test_names_that_are_read_or_private_or_of_functions_are_the_scripts_own(path: Path) -> None:
    path.write_text(
        SCRIPT
        + "epoch = 7\nepochs = epoch\n_lr = 3\nfor batch in range(3):\n    pass\nscheduler = 3\nprint(scheduler)\n"
        + "def warm_up():\n    optimiser = 3\n\nif __name__ == '__main__':\n    batchsize = 3\n    raise RuntimeError\n"
    )
    assert load_script(path).settings == {"epochs": 7}


def test_the_line_is_that_of_the_top_level_not_of_a_local_of_the_same_name(path: Path) -> None:
    text = SCRIPT + "epochs = 0\n\ndef later():\n    epochs = 5\n    return [epochs for epochs in range(3)]\n"
    assert refused(path, text).startswith("s.py:10: epochs: it is 0")


def test_an_error_inside_the_scripts_own_loss_has_its_line(path: Path) -> None:
    text = SCRIPT + "def loss(outputs, targets):\n    scores = outputs.mean()\n    return scores @ targets\n"
    assert refused(path, text).startswith("s.py:12: loss: ")


def test_an_error_in_the_midst_of_training_has_its_line(path: Path) -> None:
    path.write_text(
        SCRIPT + "calls = []\ndef loss(outputs, targets):\n    calls.append(0)\n    if len(calls) > 3:\n"
        "        raise KeyError('four')\n    return nn.cross_entropy(outputs, targets)\n"
    )
    script = load_script(path)
    with pytest.raises(ScriptError, match=r"s\.py:14: KeyError: 'four'") as caught:
        script.fit(checks=False, quiet=True)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("extra", ["lr = 0.1", "schedule = 'cosine'", "clip = 1.0", "accumulate = 2", "warmup = 3"])
def test_what_belongs_to_a_ready_optimizer_is_not_given_beside_it(extra: str, path: Path) -> None:
    text = f"{SCRIPT}optimizer = mg.optimizer('adam', model.named_parameters())\n{extra}\n"
    assert "belongs to the optimizer: give it to mg.optimizer(...)" in refused(path, text)
    path.write_text(text.replace(extra, "epochs = 1"))
    assert len(load_script(path).fit(checks=False, quiet=True)) == 1


def test_a_learning_rate_beside_a_schedule_that_gives_it(path: Path) -> None:
    text = SCRIPT + "schedule = optim.Cosine(0.1, 100)\nlr = 0.1\n"
    assert refused(path, text).startswith("s.py:11: lr: the schedule gives the learning rate")


def test_settings_reach_the_run(path: Path) -> None:
    path.write_text(
        SCRIPT + "optimizer = 'sgd'\nschedule = lambda t: 0.5 / t\nepochs = np.int64(3)\nbatch_size = 10\nseed = 4\n"
        "clip = 2\naccumulate = 2\npatience = 9\nregularization = nn.L2(0.1)\n"
        "metrics = {'worst': lambda outputs, targets: outputs.min()}\n"
    )
    script = load_script(path)
    history = script.fit(checks=False, quiet=True)
    config = history.config
    assert str(config["optimizer"]).startswith("sgd ")
    assert (config["epochs"], config["batch_size"], config["seed"]) == (3, 10, 4)
    assert config["regularization"] == "L2(strength=0.1)"
    assert "StepSchedule" in str(config["schedules"])
    assert config["options"]["accumulate"] == 2  # type: ignore[index]
    assert list(cast("Mapping[str, object]", script.settings["metrics"])) == ["worst"]
    schedule = script.settings["lr"]
    assert isinstance(schedule, optim.Schedule)
    assert schedule(5) == 0.1
    assert len(script.fit({"epochs": 1}, checks=False, quiet=True)) == 1


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("data = 'digits'\nmodel = nn.mlp(64, [], 10)", (64,)),
        ("data = 'digits'\nmodel = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 10))", (1, 8, 8)),
        ("data = 'iris'", (4,)),
        ("data = sets.load('iris').scaled()", (4,)),
        ("data = sets.Loader(x, y, 7, augment=sets.Noise(0.1))", (4,)),
        ("data = (sets.Loader(x, y), x, y)", (4,)),
        ("data = train.as_split((x, y), np.dtype(float))", (4,)),
    ],
)
def test_data_in_every_form(line: str, shape: tuple[int, ...], path: Path) -> None:
    path.write_text(f"{SCRIPT}{line}\n")
    split = load_script(path).split
    assert split.train.x.shape[1:] == shape
    assert split.train.x.dtype == np.float32
    assert (split.loader is not None) == ("Loader" in line)
    if split.loader is not None:
        assert isinstance(split.loader, Loader)


def test_text_and_losses_of_any_kind(path: Path) -> None:
    path.write_text(
        SCRIPT + "data = 'kjv'\nmodel = nn.Sequential(nn.Embedding(64, 8), nn.Linear(8, 64))\n"
        "def nll(scores, labels):\n    return mg.cross_entropy(scores.reshape(-1, 64), labels.reshape(-1))\n"
        "loss = nll\n"
    )
    script = load_script(path)
    assert script.split.train.x.shape[1] == 64
    assert not isinstance(script.loss, nn.SoftmaxCrossEntropy)


def test_the_file_runs_as_a_module_of_its_own_text(path: Path, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("rate = 0.25\n")
    path.write_text(SCRIPT + "import sys\nfrom beside import rate as lr\nassert len(sys.argv) == 1, sys.argv\n")
    assert load_script(path).settings["lr"] == 0.25
    path.write_text(path.read_text().replace("[8]", "[9]"))  # same size, same second: a cached module would be stale
    assert load_script(path).model.parameters()[0].shape == (4, 9)
    assert not list(tmp_path.rglob("s.cpython*"))


def test_star_imports_are_looked_into_by_running(path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT)
    path.write_text("from mine import *\nepochs = 2\n")
    assert load_script(path).settings == {"epochs": 2}


def test_outline_reads_names_without_running(path: Path) -> None:
    path.write_text(
        "import a.b, c as d\nfrom e import f\n"
        "with open(g) as h:\n    i: int = 3\ntry:\n    j = 1\nexcept E:\n    k = 2\n"
        "def l():\n    m = 1\nclass N:\n    o = 1\n(p, q), r = [s for s in t]\nif u := 3:\n    v += 1\n"
    )
    found = outline(path)
    assert " ".join(f"{name}{line}" for name, line in found.lines.items()) == (
        "a1 d1 f2 h3 i4 j6 k8 l9 N11 r13 p13 q13 u14 v15"
    )
    assert found.unused == {"i", "j", "k"}
    assert found.complete
    assert found.loop is None


def test_every_alias_means_one_field() -> None:
    aliases = [a for field in FIELDS.values() for a in field.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(FIELDS)
    assert suggest_field("Loss_fn", FIELDS) == "loss"
    assert suggest_field("widths", FIELDS) == ""
