"""Write tests/data/nn_curves.json: 20 losses of PyTorch for each model of support.nn_curves. Needs PyTorch.

Run from the root of the repository: PYTHONPATH=.:tests python tests/tools/write_nn_curves.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from support.nn_curves import PROBLEMS
from support.nn_torch_curves import curve

STORED = 20

if __name__ == "__main__":
    found = {name: curve(torch, problem, STORED) for name, problem in PROBLEMS.items()}
    path = Path(__file__).parents[1] / "data" / "nn_curves.json"
    path.write_text(json.dumps({"torch": torch.__version__, "losses": found}, indent=1) + "\n")
