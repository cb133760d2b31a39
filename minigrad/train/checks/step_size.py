"""Error of differences against their step (course notes, tip 6).

Truncation is h^2, round-off 1/h.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import attrs
import numpy as np

from minigrad.charts import Line, LineChart, Picture, Span
from minigrad.checkpoint.files import replace
from minigrad.core.types import Array
from minigrad.nn import Loss, Module
from minigrad.runtime.no_grad import no_grad
from minigrad.train.checks.gradients import BURN_IN, ROWS, prepare_check, private_buffers, run_burn_in
from minigrad.train.checks.kink_crossings import activation_patterns, crossings, module_names
from minigrad.train.errors import TrainError, name_unwritable
from minigrad.train.splits import Raw
from minigrad.verify.finite_differences import FIRST_STEP

__all__ = ["StepSizeCurve", "draw_steps", "refuse_unwritable", "step_curve", "step_size_picture"]

_LEAST = 1e-17
"""Errors below are drawn as this one."""
_STEPS = 2.0 ** np.arange(-1.0, -46.0, -1.0)
ONE_SIDED, CENTRAL, EXTRAPOLATED = "(f(x+h) - f(x)) / h", "(f(x+h) - f(x-h)) / 2h", "extrapolated, as the check uses"


@attrs.frozen(eq=False)
class StepSizeCurve:
    """Relative error of three kinds of differences, along one random direction.

    It is |fa - fn| / max(|fa|, |fn|).

    Attributes:
        steps: h, as a share of the size of each parameter, from large to small.
        errors: name of the formula -> relative error at each step; the error bar that the check itself uses last.
        bar: the relative error bar of the extrapolated difference at each step.
        kinks: the smallest step within which some unit crosses a kink; infinite if none does.
    """

    steps: Array
    errors: dict[str, Array]
    bar: Array
    kinks: float = np.inf

    def best(self, name: str) -> tuple[float, float]:
        """The step at which a formula errs least, and its relative error there."""
        k = int(np.nanargmin(self.errors[name]))
        return float(self.steps[k]), float(self.errors[name][k])

    def slopes(self, name: str) -> tuple[float, float]:
        """Fit exponents of h on both sides of the best step.

        Truncation (2 for central ones), round-off (-1).
        """
        error = np.maximum(self.errors[name], 1e-17)
        k = int(np.nanargmin(error))
        # Where the error is well above its smallest, near which both kinds mix, and no kink is inside the step.
        clear = [i for i in range(error.size) if 10.0 * error[k] < error[i] < 0.1 and self.steps[i] < self.kinks]
        left, right = [i for i in clear if i < k], [i for i in clear if i > k]
        return _slope(self.steps, error, left), _slope(self.steps, error, right)


def _slope(steps: Array, error: Array, where: list[int]) -> float:
    if len(where) < 3:
        return float("nan")
    return float(np.polyfit(np.log(steps[where]), np.log(error[where]), 1)[0])


def step_curve(
    model: Module, loss: Loss | str, batch: tuple[Raw, Raw], *, rows: int = ROWS, burn_in: int = BURN_IN, seed: int = 0
) -> StepSizeCurve:
    """Measure the error of differences of `loss(model(x), y)` against their step.

    At the point and on the rows where `check_gradients` compares.

    Raises:
        TrainError: as `check_gradients`, and where the gradient along the direction is 0.
    """
    of = prepare_check(model, loss, batch)
    rows = max(min(rows, of.every), of.least)
    named = of.model.named_parameters()
    with np.errstate(all="ignore"):
        run_burn_in(named, lambda: of.value(of.every), burn_in)
    views = private_buffers(named)
    rng = np.random.default_rng(seed)
    homes = {n: v.copy() for n, v in views.items()}
    u = {
        n: 2.0 ** np.floor(np.log2(max(_rms(v), 2.0**-7))) * rng.choice((-1.0, 1.0), v.shape) for n, v in views.items()
    }

    def f(t: float) -> float:
        for name, view in views.items():
            view[...] = homes[name] + t * u[name]
        with no_grad(), np.errstate(all="ignore"):
            return of.value(rows).item()

    for _, t in named:
        t.zero_grad()
    value = of.value(rows)
    value.backward()
    analytic = sum(float(np.vdot(t.grad.numpy(), u[n])) for n, t in named if t.grad is not None)
    if analytic == 0.0:
        raise TrainError("step curve: the loss does not change along the direction, so there is no error to draw")
    try:
        curve = _curve(f, analytic)
        return attrs.evolve(curve, kinks=_kinked_from(f, module_names(of.model)))
    finally:
        f(0.0)
        of.frozen.restore()


def _kinked_from(f: Callable[[float], float], modules: Mapping[int, str]) -> float:
    home = activation_patterns(partial(f, 0.0), modules)
    smallest = np.inf
    for h in _STEPS[:32].tolist():
        if crossings(home, activation_patterns(partial(f, h), modules), activation_patterns(partial(f, -h), modules)):
            smallest = h
        elif smallest < np.inf:
            break
    return smallest


def _rms(a: Array) -> float:
    return float(np.sqrt(np.mean(a**2))) if a.size else 0.0


def _curve(f: Callable[[float], float], analytic: float) -> StepSizeCurve:
    home = f(0.0)
    ahead, behind = (np.array([f(sign * float(h)) for h in _STEPS]) for sign in (1.0, -1.0))
    central = (ahead - behind) / (2.0 * _STEPS)
    high = (4.0 * central[1:] - central[:-1]) / 3.0
    best = (16.0 * high[1:] - high[:-1]) / 15.0
    steps = _STEPS[: best.size]
    estimates = {ONE_SIDED: ((ahead - home) / _STEPS)[: best.size], CENTRAL: central[: best.size], EXTRAPOLATED: best}
    errors = {name: np.abs(n - analytic) / np.maximum(np.abs(n), abs(analytic)) for name, n in estimates.items()}
    noise = 32.0 * float(np.finfo(np.float64).eps) * abs(home) / (0.25 * steps)
    return StepSizeCurve(steps, errors, (4.0 * np.abs(best - high[1:]) + noise) / abs(analytic))


def refuse_unwritable(path: Path) -> None:
    """Raise TrainError, before anything is computed, for a picture that could not be saved."""
    if not path.parent.is_dir():
        raise TrainError(f"no picture can be saved as {path}: there is no directory {path.parent}")
    if path.suffix != ".svg":
        raise TrainError(f"no picture can be saved as {path}: its name must end in .svg, such as {path.stem}.svg")


def draw_steps(curve: StepSizeCurve, path: Path) -> None:
    """Save the picture of the curve as SVG.

    Raises:
        TrainError: the file cannot be written.
    """
    with name_unwritable(path):
        replace(path, [step_size_picture(curve).svg().encode()], durable=False)


def step_size_picture(curve: StepSizeCurve) -> Picture:
    """Error against h on logarithmic axes, with the slopes that theory gives."""
    steps = curve.steps.tolist()
    lines = [
        Line(name, steps, np.maximum(errors, _LEAST).tolist(), color, dots=True)
        for (name, errors), color in zip(curve.errors.items(), (7, 0, 1), strict=True)
    ]
    lines.append(Line("its error bar", steps, np.maximum(curve.bar, _LEAST).tolist(), 1, "dotted"))
    lines += _guides(curve)
    top, first = 10.0, float(FIRST_STEP)
    lines.append(Line("first step of the check", [first, first], [_LEAST, top], 7, "faint"))
    kinks = (Span("a kink inside the step", curve.kinks, steps[0]),) if curve.kinks < np.inf else ()
    chart = LineChart(
        lines=tuple(lines), log=True, log_x=True, spans=kinks, width=640.0, height=380.0,
        xlabel="step h, as a share of the size of the parameters", ylabel="relative error",
    )  # fmt: skip
    return Picture(
        name="steps",
        title="Gradient check: error of differences against their step",
        subtitle="relative error |fa - fn| / max(|fa|, |fn|)",
        plots=(chart,),
    )


def _guides(curve: StepSizeCurve) -> list[Line]:
    """Dashed lines of slope 2 and -1 beside the central differences, a little above them."""
    error, steps = np.maximum(curve.errors[CENTRAL], _LEAST), curve.steps
    best = int(np.argmin(error))
    clear = int(np.count_nonzero(steps >= curve.kinks))
    lines = []
    for anchor, exponent, name, part in (
        ((clear + best) // 2, 2.0, "truncation, slope 2", slice(clear, best + 1)),
        ((best + error.size) // 2, -1.0, "round-off, slope -1", slice(best, None)),
    ):
        guide = 5.0 * error[anchor] * (steps[part] / steps[anchor]) ** exponent
        if guide.size >= 2:
            lines.append(Line(name, steps[part].tolist(), guide.tolist(), 2 if exponent > 0 else 3, "dashed"))
    return lines
