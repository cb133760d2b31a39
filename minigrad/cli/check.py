"""`minigrad check script.py`: the sanity checks of what a script defines.

The gradient check is printed in detail.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np

from minigrad.cli.exit_codes import CHECK_FAILED
from minigrad.cli.output import wrapped, write_json
from minigrad.cli.subject import subject_of
from minigrad.train.checks.check import Check
from minigrad.train.checks.gradient_report import as_document, report
from minigrad.train.checks.gradients import check_gradients
from minigrad.train.checks.overfit import few
from minigrad.train.checks.sanity import sanity_checks
from minigrad.train.checks.step_size import StepSizeCurve, draw_steps, refuse_unwritable, step_curve
from minigrad.train.script.script import Script
from minigrad.train.setup import Setup

__all__ = ["check_script"]

_BATCH = 20


def check_script(arguments: Namespace) -> int:
    """Check, print the report (or JSON).

    Returns 0, or 3 if a check finds a fault or a gradient cannot be decided.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what overflows is a finding of the checks
        return _check(arguments)


def _check(arguments: Namespace) -> int:
    if arguments.plot:
        refuse_unwritable(Path(arguments.plot))
    script = subject_of(arguments)
    batch = few(script.split.train, max(_BATCH, arguments.rows), arguments.seed)
    pair, few_ = (batch.x, batch.y), {"rows": arguments.rows, "burn_in": arguments.burn_in, "seed": arguments.seed}
    checks = [c for c in _sanity(script, arguments.seed) if c.name != "gradients"]
    gradient_check = check_gradients(script.model, script.loss, pair, regularization=script.regularization, **few_)
    curve = step_curve(script.model, script.loss, pair, **few_) if arguments.plot else None
    if curve is not None:
        draw_steps(curve, Path(arguments.plot))
    if arguments.json:
        document: dict[str, object] = {"command": "check", "script": script.title, **as_document(gradient_check)}
        document["checks"] = [attrs.asdict(c) for c in checks]
        if curve is not None:
            document["steps"] = {"h": curve.steps.tolist(), **{k: e.tolist() for k, e in curve.errors.items()}}
        write_json(document)
    else:
        print(f"{script.title}: {type(script.model).__name__}, {script.model.parameter_count:,} parameters")
        for c in checks:
            print(wrapped(f"{c.status:<7} {c.name + ':':<15} {c.message}"))
        print(wrapped("\n".join(["", *report(gradient_check)])))
        for line in _steps(curve, arguments.plot):
            print(line)
    return 0 if gradient_check.passed and all(c.status != "fault" for c in checks) else CHECK_FAILED


def _sanity(script: Script | Setup, seed: int) -> Iterator[Check]:
    return sanity_checks(script.model, script.split, script.loss, regularization=script.regularization, seed=seed)


def _steps(curve: StepSizeCurve | None, path: str) -> list[str]:
    if curve is None:
        return []
    lines = ["", "least error of differences, the step it is reached at, slopes of the error (truncation, round-off):"]
    for name in curve.errors:
        step, error = curve.best(name)
        down, up = curve.slopes(name)
        lines.append(f"  {name:<32} {error:.1e} at {step:.1e}   {_slope(down)}, {_slope(up)}")
    if math.isfinite(curve.kinks):
        lines.append(f"  steps of {curve.kinks:.1e} and more meet a kink")
    return [*lines, f"saved {path}"]


def _slope(value: float) -> str:
    return f"{value:+.1f}" if math.isfinite(value) else "-"
