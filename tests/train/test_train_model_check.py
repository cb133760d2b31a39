"""The model's gradient check, tip by tip: parts, frozen randomness, kinks, active range, step curve, scripts."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.charts import LineChart
from minigrad.cli import main
from minigrad.core import Tensor
from minigrad.train import TrainError, check_gradients
from minigrad.train.checks.fixed_randomness import FixedRandomness, generators
from minigrad.train.checks.kink_crossings import activation_patterns, crossings, module_names
from minigrad.train.checks.step_size import CENTRAL, ONE_SIDED, step_curve, step_size_picture
from minigrad.train.script.script import ScriptError, load_script

RNG = np.random.default_rng(5)
X = RNG.normal(size=(20, 6))
LABELS = RNG.integers(0, 4, 20)
SOFTMAX = nn.SoftmaxCrossEntropy()


@attrs.define(eq=False)
class Noisy(nn.Module):
    """Dropout by hand, in training only; with `leak`, its mask is wrong on the way back."""

    leak: bool = False
    one: nn.Linear = attrs.field(factory=lambda: nn.Linear(6, 16, rng=0))
    two: nn.Linear = attrs.field(factory=lambda: nn.Linear(16, 4, rng=1))
    rng: np.random.Generator = attrs.field(factory=lambda: np.random.default_rng(3))

    def forward(self, x: Tensor) -> Tensor:
        h = mg.tanh(self.one(x))
        if self.training:
            mask = self.rng.random(h.shape) < 0.5
            h = h * mask + (0.1 * h).detach() * mask if self.leak else h * (2.0 * mask)
        return self.two(h)


def test_data_loss_alone_regularisation_alone_then_the_sum() -> None:
    model = nn.mlp(6, [8], 4, rng=0)
    found = check_gradients(model, SOFTMAX, (X, LABELS), regularization=nn.L2(1e-2))
    assert [found.part, *(o.part for o in found.others)] == ["data loss", "regularisation", "sum"]
    assert found.passed
    assert found.others[0].named("unused") == ("layers.0.bias", "layers.2.bias")
    assert found.others[1].named("verified") == ("layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias")
    wrong = check_gradients(
        model, SOFTMAX, (X, LABELS), regularization=lambda m: nn.L2(1e-2)(m) + nn.L2(1e-3)(m).detach()
    )
    assert wrong.named("mismatch") == ()
    assert not wrong.passed
    assert set(wrong.others[0].named("mismatch")) == {"layers.0.weight", "layers.2.weight"}
    assert "wrong gradient for layers.0.weight (regularisation)" in str(wrong)


def test_a_regularisation_that_is_huge_hides_nothing_in_the_data_loss() -> None:
    def cut(outputs: Tensor, targets: nn.Targets) -> Tensor:
        return nn.cross_entropy(outputs, targets) + 1e-4 * nn.cross_entropy(outputs.detach(), targets)

    found = check_gradients(nn.mlp(6, [8], 4, rng=0), cut, (X, LABELS), regularization=nn.L2(1e5))
    assert len(found.named("mismatch")) == 4


def test_dropout_is_frozen_and_its_gradient_checked() -> None:
    found = check_gradients(Noisy(), SOFTMAX, (X, LABELS))
    assert found.passed
    assert found.frozen == 1
    assert "1 random generator frozen" in str(found)
    assert not check_gradients(Noisy(leak=True), SOFTMAX, (X, LABELS)).passed


def test_global_generators_and_those_of_closures_are_frozen_and_put_back() -> None:
    rng = np.random.default_rng(8)

    def augmented(outputs: Tensor, targets: nn.Targets) -> Tensor:
        noise = 0.1 * rng.normal(size=outputs.shape) + 0.1 * np.random.normal(size=outputs.shape)
        return nn.cross_entropy(outputs + noise, targets)

    assert generators(augmented) == [rng]
    before, everyone = rng.bit_generator.state, np.random.get_state(legacy=False)["state"]["pos"]
    found = check_gradients(nn.mlp(6, [8], 4, rng=0), augmented, (X, LABELS))
    assert found.passed
    assert found.frozen == 2
    assert rng.bit_generator.state == before
    assert np.random.get_state(legacy=False)["state"]["pos"] == everyone


def test_randomness_that_cannot_be_frozen_is_an_error() -> None:
    calls = iter(range(10**6))
    with pytest.raises(TrainError, match="two evaluations at one point"):
        check_gradients(nn.mlp(6, [], 4, rng=0), lambda o, t: SOFTMAX(o, t) * (1.0 + 0.1 * next(calls)), (X, LABELS))
    assert FixedRandomness().moved() == 0


def test_kinks_are_placed_by_layer_and_unit() -> None:
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU())
    state = {"layers.0.weight": np.zeros((2, 3)), "layers.0.bias": np.array([1.0, -1e-3, 1e-3])}
    model.load_state_dict(state)
    double = model.astype(np.float64)

    def at(t: float) -> list[object]:
        shifted = double.copy()
        shifted.load_state_dict({**state, "layers.0.bias": np.array([1.0, -1e-3 + t, 1e-3 + t])})
        return list(activation_patterns(lambda: shifted(np.zeros((2, 2))), module_names(shifted)))

    assert crossings(at(0.0), at(1e-4)) == ()  # type: ignore[arg-type]
    (crossing,) = crossings(at(0.0), at(0.01), at(-0.01))  # type: ignore[arg-type]
    assert (crossing.layer, crossing.op) == ("layers.1 (ReLU)", "relu")
    assert (crossing.crossed, crossing.entries, crossing.unit) == (4, 6, (0, 1))
    assert "unit [1] in row 0 and 3 more of 6 entries in layers.1 (ReLU)" in str(crossing)


def test_kinks_inside_the_first_step_are_reported_with_the_answer() -> None:
    found = check_gradients(nn.mlp(6, [200, 200], 4, rng=0), nn.WestonWatkins(), (X, LABELS), rows=20)
    assert found.passed
    kinked = [p for p in found.parameters if p.kinks]
    assert kinked
    assert all(p.step < 2.0**-6 or p.rows < 20 for p in kinked)
    assert {k.op for p in kinked for k in p.kinks} == {"relu"}
    assert "kinks inside the first step: unit" in str(found)


@pytest.mark.parametrize(("factor", "scale"), [(1e-14, (1e13, 1e16)), (1e14, (1e-16, 1e-12)), (1.0, (1.0, 1.0))])
def test_gradients_out_of_the_active_range_come_with_the_scale_to_use(
    factor: float, scale: tuple[float, float]
) -> None:
    found = check_gradients(nn.mlp(6, [8], 4, rng=0), lambda o, t: SOFTMAX(o, t) * factor, (X, LABELS))
    assert not found.named("mismatch")
    assert check_gradients(
        nn.mlp(6, [8], 4, rng=0), lambda o, t: SOFTMAX(o, t) * factor * found.scale, (X, LABELS)
    ).passed
    assert scale[0] <= found.scale <= scale[1]
    assert ("active range" in str(found)) == (factor != 1.0)


def test_the_step_curve_has_the_slopes_of_theory() -> None:
    curve = step_curve(nn.mlp(6, [8], 4, activation="tanh", rng=0), SOFTMAX, (X, LABELS))
    truncation, round_off = curve.slopes(CENTRAL)
    assert truncation == pytest.approx(2.0, abs=0.1)
    assert round_off == pytest.approx(-1.0, abs=0.25)
    assert curve.slopes(ONE_SIDED)[0] == pytest.approx(1.0, abs=0.1)
    errors = [curve.best(name)[1] for name in curve.errors]
    assert errors[0] > errors[1] > errors[2]
    assert np.all(curve.errors["extrapolated, as the check uses"][:30] <= curve.bar[:30])
    assert curve.kinks == np.inf
    (chart,) = step_size_picture(curve).plots
    assert isinstance(chart, LineChart)
    assert len(chart.lines) == 7
    bent = step_curve(nn.mlp(6, [32], 4, rng=0), nn.WestonWatkins(), (X, LABELS), rows=20)
    assert bent.kinks < 0.1


SCRIPT = """
import numpy as np
from minigrad import nn

model = nn.mlp(6, [8], 4, rng=0)
data = (np.random.default_rng(0).normal(size=(30, 6)), np.arange(30) % 4)
loss = "softmax"
regularization = nn.L2(1e-3)
"""


def test_minigrad_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "good.py"
    path.write_text(SCRIPT)
    assert main(["check", str(path), "--plot", str(tmp_path / "steps.svg")]) == 0
    out = capsys.readouterr().out
    for wanted in ("data loss: burn-in", "regularisation: float64", "sum: float64", "error bar", "agrees", "slopes",
                   "verdict: every gradient agrees", "exactly linear in its strength", "baseline:"):  # fmt: skip
        assert wanted in out
    assert (tmp_path / "steps.svg").read_text().count("<polyline") >= 5
    path.write_text(SCRIPT.replace('"softmax"', "lambda o, t: nn.cross_entropy(o * 0.5 + 0.5 * o.detach(), t)"))
    assert main(["check", str(path), "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert not document["passed"]
    assert {p["status"] for p in document["parameters"]} == {"mismatch"}
    assert [o["part"] for o in document["others"]] == ["regularisation", "sum"]
    assert [c["name"] for c in document["checks"]] == [
        "data", "chance", "regularization", "overfit", "baseline", "independence", "determinism",
    ]  # fmt: skip
    path.write_text(SCRIPT + "data = (*data, *data)\n")
    assert main(["check", str(path)]) == 3
    assert "LEAK" in capsys.readouterr().out


def test_a_picture_that_cannot_be_saved_is_refused_before_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "good.py"
    path.write_text(SCRIPT)
    for name, wanted in (("steps.png", "must end in .svg"), ("nowhere/steps.svg", "there is no directory")):
        assert main(["check", str(path), "--plot", str(tmp_path / name)]) == 1
        told = capsys.readouterr()
        assert wanted in told.err
        assert "burn-in" not in told.out


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("model =", "modle ="), r"s\.py:5: the script defines no 'model'\. Is 'modle' meant to be 'model'\?"),
        (("nn.mlp(6, [8], 4, rng=0)", "nn.ReLU"), r"s\.py:5: model: it is the class ReLU.*is '\(\)' missing"),
        (("nn.mlp(6, [8], 4, rng=0)", "3"), r"s\.py:5: model: it is 3; it must be a minigrad.nn.Module"),
        (("nn.mlp(6, [8], 4, rng=0)", "nn.ReLU()"), r"s\.py:5: model: ReLU has no parameters"),
        (("np.arange(30) % 4", "np.arange(29) % 4"), r"s\.py:6: data: .*give one target for each row"),
        (("size=(30, 6)),", "size=(30, 6)) * np.nan,"), r"s\.py:6: data: .*nan"),
        (('"softmax"', '"sofmax"'), r"s\.py:7: loss: there is no loss 'sofmax'. Did you mean 'softmax'"),
        (('"softmax"', "3.5"), r"s\.py:7: loss: it is 3.5; it must be 'softmax'"),
        (("nn.L2(1e-3)", "1e-3"), r"s\.py:8: regularization: it is 0.001; it must be a function"),
        (("nn.L2(1e-3)", "nn.L2(-1)"), r"s\.py:8: ModuleError: L2.strength"),
        (("nn.L2(1e-3)", "nn.L2(1e-3)\nepochs = 0"), r"s\.py:9: epochs: it is 0; it must be a whole number"),
        (("import numpy as np", "import numpy as np("), r"s\.py:2: SyntaxError"),
        (("import numpy as np", "import nunpy as np"), r"s\.py:2: ModuleNotFoundError: No module named 'nunpy'"),
        (("loss =", "raise SystemExit(3)\nloss ="), r"s\.py:7: it ended the process by sys"),
    ],
)
def test_a_wrong_field_of_a_script_is_an_error_at_its_line(
    change: tuple[str, str], wanted: str, tmp_path: Path
) -> None:
    path = tmp_path / "s.py"
    path.write_text(SCRIPT.replace(*change))
    with pytest.raises(ScriptError, match=wanted):
        load_script(path)


def test_a_script_is_imported_not_run_as_main(tmp_path: Path) -> None:
    path = tmp_path / "s.py"
    path.write_text(SCRIPT + 'lr = 0.1\nif __name__ == "__main__":\n    raise RuntimeError\n')
    script = load_script(path)
    assert script.fields["lr"] == 0.1
    assert script.split.train.x.dtype == np.float32
    assert str(script.wrong("lr", "too large")).endswith("s.py:9: lr: too large")
    with pytest.raises(ScriptError, match="No such file"):
        load_script(tmp_path / "none.py")
