"""How far onnxruntime is from minigrad: `PYTHONPATH=tests python plugins/minigrad-onnx/tests/measure_onnx.py`.

Exports every layer and example as the tests do; onnx's checker sees each file. Prints the largest difference, absolute
and relative to the largest output, of each and of all.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad_onnx import export_onnx

sys.path.insert(0, str(Path(__file__).parent))
from test_onnx_layers import _all_cases, as_tuple, run_file
from test_onnx_models import EXAMPLES, build_example

Case = tuple[str, nn.Module, list[Any]]


def layers() -> Iterator[Case]:
    """Name, layer in float32 and inputs."""
    for case in _all_cases():
        layer, inputs = case.values[0]()
        arrays = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in inputs]
        yield str(case.id), layer.astype(np.float32).eval(), arrays


def examples() -> Iterator[Case]:
    """Name, model and rows."""
    for name in EXAMPLES:
        model, x = build_example(name)
        yield name, model.eval(), [x]


def difference(model: nn.Module, inputs: list[Any]) -> tuple[float, float]:
    """The largest one of all outputs, absolute and relative to the largest output (at least 1)."""
    proto = export_onnx(model, inputs, dynamic_batch=False)
    with mg.no_grad():
        ours = [np.asarray(y) for y in as_tuple(model(*map(mg.tensor, inputs)))]
    apart = [(np.abs(y - z).max(initial=0.0), np.abs(y).max(initial=1.0)) for y, z in
        zip(ours, run_file(proto, inputs), strict=True)]  # fmt: skip
    return max(float(a) for a, _ in apart), max(float(a / size) for a, size in apart)


def main() -> None:
    """Prints a line for each, and the largest of all."""
    warnings.simplefilter("ignore")
    for title, cases in (("layers", layers()), ("examples", examples())):
        found = {name: difference(model, inputs) for name, model, inputs in cases}
        for name, (absolute, relative) in found.items():
            print(f"{name:40} {absolute:.1e} {relative:.1e}")
        worst = max(found, key=lambda name: found[name][1])
        print(f"{len(found)} {title}, largest difference {found[worst][1]:.1e} ({worst})\n")


if __name__ == "__main__":
    main()
