"""A saved run in a fresh process predicts what the model predicted at the end of training, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
    setup = Setup(SetupOptions(data=name, model=model, hidden=() if model == "linear" else (8,), epochs=2))
    folder = Path(sys.argv[1], name)
    folder.mkdir()
    setup.fit(callbacks=[RunFolder(folder, model=setup.architecture.as_dict())], checks=False, quiet=True)
    outputs = outputs_of(setup.model, setup.split.val.x if setup.split.val is not None else setup.split.train.x)
    np.savez(folder / "rows.npz", rows=setup.loaded.x_val, outputs=outputs)
    print(folder)
"""
LOAD = """
import sys
import numpy as np
import minigrad as mg
for folder in sys.argv[1:]:
    saved = np.load(folder + "/rows.npz")
    run = mg.load(folder)
    assert run.outputs(saved["rows"]).tobytes() == saved["outputs"].tobytes(), folder
    print("equal")
"""


def output_of(code: str, *arguments: str) -> list[str]:
    """The words that a fresh process prints, which has the number of BLAS threads that all tests begin with."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_predictions_in_a_fresh_process_are_equal_to_the_last_bit(tmp_path: Path) -> None:
    folders = output_of(TRAIN, str(tmp_path), *(f"{name}={model}" for name, model in SETS.items()))
    assert len(folders) == len(SETS)
    assert output_of(LOAD, *folders) == ["equal"] * len(SETS)
