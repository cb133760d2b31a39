"""One story: checks, the word on the learning rate, findings and exit code agree, on runs that were hard to tell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn
from minigrad.cli import main
from minigrad.core import Tensor
from minigrad.data.arrays import any_real
from minigrad.diagnosis import Doctor, watch
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.start_file import read_start
from minigrad.diagnosis.verdict import Diagnosis
from minigrad.nn import Module
from minigrad.runtime.parameters import assign
from minigrad.train import fit

RNG = np.random.default_rng(0)


def fitted(
    model: Module,
    arrays: tuple[np.ndarray, ...],
    *,
    checks: bool = False,
    loss: str = "softmax",
    lr: float = 3e-3,
    epochs: int = 10,
) -> tuple[Diagnosis, Evidence]:
    doctor = Doctor()
    x, y, x_val, y_val = map(any_real, arrays)
    rows = (x, y, x_val, y_val)
    fit(model, rows, loss=loss, lr=lr, epochs=epochs, checks=checks, callbacks=[doctor], quiet=True)
    assert doctor.diagnosis is not None
    assert doctor.evidence is not None
    return doctor.diagnosis, doctor.evidence


def lopsided(share: float, apart: float) -> tuple[np.ndarray, ...]:
    y = (RNG.random(2400) < share).astype(np.int64)
    x = RNG.standard_normal((2400, 8)).astype(np.float32)
    x[:, :2] += apart * y[:, None]
    return x[:1800], y[:1800], x[1800:], y[1800:]


@pytest.mark.parametrize(("share", "apart"), [(0.2, 2.0), (0.1, 2.0), (0.05, 6.0), (0.02, 8.0)])
def test_sound_runs_on_lopsided_classes_have_no_fault(share: float, apart: float) -> None:
    found, _ = fitted(nn.mlp(8, [16], 2, rng=0), lopsided(share, apart), lr=1e-2)
    assert found.healthy, str(found)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_column_of_targets_hears_what_a_vector_hears(shape: tuple[int, ...]) -> None:
    x = RNG.standard_normal((800, 6)).astype(np.float32)
    y = x[:, 0] - 2.0 * x[:, 1] + 0.1 * RNG.standard_normal(800)
    y = (y / y.std()).astype(np.float32)
    for t, model, code in (
        (RNG.permutation(y), nn.mlp(6, [32], 1, rng=0), "LABELS_RANDOM"),
        (y, nn.Sequential(nn.Linear(6, 1, rng=0), nn.Sigmoid()), "OUTPUT_RANGE"),
    ):
        t = t.reshape(shape)
        found, _ = fitted(model, (x[:600], t[:600], x[600:], t[600:]), loss="mse", lr=1e-2, epochs=25)
        assert found.faults[0].code == code, str(found)
        assert "cannot be judged before" in found.summary[0]


def test_a_check_that_fails_is_a_finding_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "blind.py"
    script.write_text(
        "import numpy as np\nfrom minigrad import data as sets, nn\n"
        "d = sets.load('iris').scaled()\ndata = (d.x_train, d.y_train, d.x_val, d.y_val)\n"
        "class Blind(nn.Module):\n    def __init__(self):\n        self.net = nn.mlp(4, [8], 3, rng=0)\n"
        "    def forward(self, x):\n        return self.net(x * 0.0)\n"
        "model = Blind()\nloss = 'softmax'\nlr = 1e-2\nepochs = 8\n"
    )
    assert main(["run", str(script), "--strict"]) == 3
    out = capsys.readouterr().out
    assert "looks GOOD" not in out
    assert "FAULT" in out.split("diagnosis")[1]


def test_a_check_that_failed_stands_among_the_findings() -> None:
    d = data.load("iris").scaled()

    class Centred(nn.Module):
        def __init__(self) -> None:
            self.net = nn.mlp(4, [8], 3, rng=0)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.net(inputs - mg.mean(inputs, axis=0, keepdims=True))

    found, evidence = fitted(Centred(), (d.x_train, d.y_train, d.x_val, d.y_val), checks=True, lr=1e-2)
    assert "independence" in evidence.experiments.failed
    told = [f for f in (*found.findings, *(f for f, _ in found.effects)) if f.code == "CHECK_FAILED"]
    assert "check independence" in {f.where for f in told}
    assert not found.healthy


def by_hand(model: Module, held: Module, *, redraw: bool = False, one_batch: bool = False) -> Diagnosis:
    d = data.load("digits").scaled()
    optimizer = mg.optimizer("sgd", held.named_parameters(), lr=0.05, missing="zero")
    loss = watch(nn.find_loss("softmax"), model, optimizer, d, gradients=False)
    start = [p.numpy().copy() for p in model.parameters()]
    for _ in range(3):
        if redraw:
            for p, w in zip(model.parameters(), start, strict=True):
                assign(p, w)
        for first in range(0, len(d.x_train), 32):
            rows = slice(0, 32) if one_batch else slice(first, first + 32)
            value = loss(model(mg.tensor(d.x_train[rows])), d.y_train[rows])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    loss.close()
    return loss.diagnose()


def test_loops_with_mistakes_that_no_list_names() -> None:
    def model() -> Module:
        return nn.mlp(64, [24], 10, rng=0)

    net = model()
    assert by_hand(net, net).healthy
    net = model()
    assert by_hand(net, net.copy()).faults[0].code == "OTHER_PARAMETERS"
    net = model()
    assert by_hand(net, net, redraw=True).faults[0].code == "WEIGHTS_RESET"
    net = model()
    assert by_hand(net, net, one_batch=True).faults[0].code == "SAME_BATCH"


def test_a_loop_that_ends_within_its_first_epoch_has_an_outcome() -> None:
    d = data.load("digits").scaled()
    model = nn.mlp(64, [24], 10, rng=0)
    optimizer = mg.optimizer("sgd", model.named_parameters(), lr=0.01)
    loss = watch(nn.find_loss("softmax"), model, optimizer, d, gradients=False)
    for first in range(0, 12 * 16, 16):
        value = loss(model(mg.tensor(d.x_train[first : first + 16])), d.y_train[first : first + 16])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    loss.close()
    diagnosis = loss.diagnose()
    codes = {f.code for f in (*diagnosis.faults, *(f for f, _ in diagnosis.effects))}
    assert {"ROWS_UNUSED", "UNDERFIT"} <= codes


def test_a_resumed_run_is_not_called_pretrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "s.py"
    script.write_text(
        "from minigrad import data as sets, nn\ndata = sets.load('digits').scaled()\n"
        "model = nn.mlp(64, [16], 10, rng=0)\n"
        "loss = 'softmax'\nlr = 5e-3\nepochs = 4\n"
    )
    assert main(["run", str(script), "--no-checks"]) == 0
    assert main(["run", "--resume", "runs/0001-s", "--epochs", "6"]) == 0
    assert "pretrained" not in Path("runs/0001-s/diagnosis.json").read_text()


def test_a_resumed_run_is_told_what_the_run_in_one_piece_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.py").write_text(
        "from minigrad import data as sets, nn\ndata = sets.load('iris').scaled()\n"
        "model = nn.Sequential(nn.Linear(4, 8, weight_init='zeros'), nn.Tanh(), nn.Linear(8, 3, rng=1))\n"
        "loss = 'softmax'\nlr = 5e-2\nepochs = 8\n"
    )

    def codes(run: str) -> list[str]:
        return [f["code"] for f in json.loads(Path(run, "diagnosis.json").read_text())["findings"]]

    assert main(["run", "s.py", "--no-checks"]) == 0
    assert main(["run", "s.py", "--no-checks", "--epochs", "4"]) == 0
    assert main(["run", "--resume", "runs/0002-s", "--epochs", "8"]) == 0
    assert codes("runs/0002-s") == codes("runs/0001-s")
    assert codes("runs/0002-s")[0] == "SYMMETRY", "the weights of epoch 4 differ; those of the start do not"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"start": {}, "first": 3}'])
def test_a_damaged_start_is_no_start(text: str, tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    path.write_text(text)
    assert read_start(path) is None
    assert read_start(tmp_path / "none.json") is None


def test_where_no_cause_is_found_it_is_said_what_is_in_order() -> None:
    d = data.load("digits").scaled()
    model = nn.Sequential(nn.Linear(64, 1, rng=0), nn.Tanh(), nn.Linear(1, 10, rng=1))
    found, _ = fitted(model, (d.x_train, d.y_train, d.x_val, d.y_val), lr=1e-2, epochs=8)
    assert [f.code for f in found.faults] == ["UNDERFIT"]
    text = str(found)
    for words in ("the optimizer holds every parameter", "each row's loss is its own", "next experiment"):
        assert f"in order: {words}" in text or words in text
