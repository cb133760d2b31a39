"""A saved run in a fresh process predicts what the model predicted at the end of training, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minigrad.data import available
from minigrad.examples import examples

SETS = {
    "digits": "conv", "iris": "mlp", "wine": "linear", "breast_cancer": "mlp", "diabetes": "mlp", "spiral": "mlp",
    "blobs": "linear", "fashion": "mlp",
}  # fmt: skip
TRAIN = """
import sys
from pathlib import Path
import numpy as np
from minigrad.train import RunFolder
from minigrad.train.evaluation import outputs_of
from minigrad.train.setup import Setup, SetupOptions
for argument in sys.argv[2:]:
    name, model = argument.split("=")
    epochs = 1 if model == "lstm" else 2
    setup = Setup(SetupOptions(data=name, model=model, hidden=() if model == "linear" else (8,), epochs=epochs))
    folder = Path(sys.argv[1], name)
    folder.mkdir()
    setup.fit(callbacks=[RunFolder(folder, model=setup.architecture.as_dict())], checks=False, quiet=True)
    held = setup.split.val.x if setup.split.val is not None else setup.split.train.x
    rows = {"windows": held} if model == "lstm" else {"rows": setup.loaded.x_val}  # a run of text reads files only
    np.savez(folder / "rows.npz", outputs=outputs_of(setup.model, held), **rows)
    print(folder)
"""
EXAMPLE = """
import sys
from pathlib import Path
import numpy as np
from minigrad import data
from minigrad.examples import find_example
from minigrad.train import RunFolder, load_script
from minigrad.train.evaluation import outputs_of
raw = {
    "spiral": lambda: data.spiral(1_000, classes=3, noise=0.2, seed=0), "fashion_mlp": lambda: data.load("fashion"),
    "linear_svm": lambda: data.load("digits"), "fashion_conv": lambda: data.load("fashion").scaled("image", "unit"),
}
for argument in sys.argv[2:]:
    name, epochs = argument.split("=")
    example = find_example(name)
    script, folder = load_script(example.path), Path(sys.argv[1], name)
    folder.mkdir()
    changed = {"epochs": int(epochs)} if epochs else {}
    script.fit(changed, callbacks=[RunFolder(folder, script=example.path)], checks=False, quiet=True)
    np.savez(folder / "rows.npz", rows=raw[name]().x_val, outputs=outputs_of(script.model, script.split.val.x))
    print(folder)
"""
LOAD = """
import sys
import numpy as np
import minigrad as mg
from minigrad.train.evaluation import outputs_of
for folder in sys.argv[1:]:
    saved = np.load(folder + "/rows.npz")
    run = mg.load(folder)
    outputs = run.outputs(saved["rows"]) if "rows" in saved else outputs_of(run.model, saved["windows"])
    assert outputs.tobytes() == saved["outputs"].tobytes(), folder
    print("equal")
"""


def output_of(code: str, *arguments: str) -> list[str]:
    """The words that a fresh process prints, which has the number of BLAS threads that all tests begin with."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def require_equal(folders: list[str], count: int) -> None:
    """Require that runs predict in another process what their models predicted at the end of training."""
    assert len(folders) == count
    assert output_of(LOAD, *folders) == ["equal"] * count


def test_predictions_in_a_fresh_process_are_equal_to_the_last_bit(tmp_path: Path) -> None:
    require_equal(output_of(TRAIN, str(tmp_path), *(f"{name}={model}" for name, model in SETS.items())), len(SETS))


def test_runs_of_examples_predict_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    require_equal(output_of(EXAMPLE, str(tmp_path), "spiral=2", "linear_svm=2"), 2)


@pytest.mark.soak
@pytest.mark.parametrize("model", ["mlp", "linear", "conv", "lstm"])
@pytest.mark.parametrize("name", available())
def test_every_set_with_every_model_predicts_the_same_in_a_fresh_process(tmp_path: Path, name: str, model: str) -> None:
    kind = available()[name].kind
    if (kind == "text") != (model == "lstm") or (model == "conv" and kind != "image"):
        pytest.skip(f"{model} is not for data of kind {kind}")
    require_equal(output_of(TRAIN, str(tmp_path), f"{name}={model}"), 1)


@pytest.mark.soak
@pytest.mark.parametrize("name", [example.name for example in examples() if example.is_script])
def test_every_example_as_it_stands_predicts_the_same_in_a_fresh_process(tmp_path: Path, name: str) -> None:
    require_equal(output_of(EXAMPLE, str(tmp_path), f"{name}="), 1)
