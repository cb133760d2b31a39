"""A saved run in a fresh process predicts what the model predicted at the end of training, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from minigrad.train import RunFolder
from minigrad.train.evaluation import outputs_of
from minigrad.train.setup import Setup, SetupOptions

SETS = {
    "digits": "conv", "iris": "mlp", "wine": "linear", "breast_cancer": "mlp", "diabetes": "mlp", "spiral": "mlp",
    "blobs": "linear",
}  # fmt: skip
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


def test_predictions_in_a_fresh_process_are_equal_to_the_last_bit(tmp_path: Path) -> None:
    folders = []
    for name, model in SETS.items():
        setup = Setup(SetupOptions(data=name, model=model, hidden=() if model == "linear" else (8,), epochs=2))
        folder = tmp_path / name
        folder.mkdir()
        setup.fit(callbacks=[RunFolder(folder, model=setup.architecture.as_dict())], checks=False, quiet=True)
        outputs = outputs_of(setup.model, setup.split.val.x if setup.split.val is not None else setup.split.train.x)
        np.savez(folder / "rows.npz", rows=setup.loaded.x_val, outputs=outputs)
        folders.append(str(folder))
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *folders], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.split() == ["equal"] * len(SETS), done.stderr
