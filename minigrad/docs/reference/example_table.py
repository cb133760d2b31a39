"""The examples with what was measured of each: figure, seconds, memory, curve."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigrad.charts import Line, LineChart, Picture
from minigrad.docs.markdown import escape, fence
from minigrad.docs.reference.example_notebooks import NOTEBOOKS
from minigrad.examples import Example, examples
from minigrad.text import format_bytes

__all__ = ["MEASURED", "example_sections"]

MEASURED = Path(__file__).with_name("examples.json")
"""Name -> processor seconds, peak MiB, curve, by `tests/tools/measure_examples.py`."""


def example_sections() -> str:
    """A section for each example: what it does and reaches, its cost, curve and source."""
    measured: Mapping[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    return "\n".join(_section(example, measured.get(example.name, {})) for example in examples())


def _section(example: Example, measured: Mapping[str, Any]) -> str:
    text = " ".join(line for line in example.text.splitlines() if "minigrad run --example" not in line)
    reached = re.sub(r"(^|[.] )reaches", r"\1It reaches", " ".join(text.split()))
    parts = [f"### {escape(example.name)}\n", f"{escape(example.title)} {escape(reached)}\n"]
    parts.append(f"`minigrad run --example {example.name}`" + _cost(measured) + ".\n")
    if measured.get("curves"):
        lines = tuple(
            Line(name, list(range(len(values))), values, k)
            for k, (name, values) in enumerate(measured["curves"].items())
        )
        measure = measured.get("measure", "loss")
        chart = LineChart(lines=lines, ylabel=measure, xlabel=measured["unit"], log=bool(measured["log"]), height=220.0)
        picture = Picture(name=f"example-{example.name}", title=example.name, subtitle=measure, plots=(chart,))
        parts.append(f'```{{raw}} html\n<div class="mg">{picture.figure()}</div>\n```\n')
    source = example.path.read_text(encoding="utf-8").split('"""', 2)[2].strip()
    notebook = f"{NOTEBOOKS}/{example.name}.ipynb"
    parts.append(f'<a href="{notebook}" download>{example.name}.ipynb</a>: the same as a notebook.\n')
    parts.append(f"<details><summary>Source</summary>\n\n{fence(source, 'py')}\n</details>\n")
    return "\n".join(parts)


def _cost(measured: Mapping[str, Any]) -> str:
    if not measured:
        return ""
    return f": {measured['seconds']:.1f} s of processor time, at most {format_bytes(round(measured['mib'] * 2**20))}"
