"""What JAX asks of a rule beyond right numbers: that all transformations tell one story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.typing import Array
from minigrad_gate.foreign import ForeignFunction, ForeignTensor, first_line
from minigrad_gate.jax_framework import JaxFramework
from minigrad_gate.refusal import Refusals, gap_of
from minigrad_gate.samples import SampledCalls


class JaxContract:
    """The checks that only JAX needs."""

    def __init__(self, framework: JaxFramework) -> None:
        self.framework = framework

    def __call__(self, function: ForeignFunction, calls: SampledCalls) -> tuple[int, list[str]]:
        """Run all of them on the first sample."""
        run = _Run(self.framework, function, calls)
        checks, notes = 0, []
        for check in (_same_value, _together, _interleaved, _jvp, _compiled, _batched):
            more, left_out = check(run)
            checks += more
            notes += left_out
        return checks, notes


class _Run:
    """One sample, and what the rule gives on it for each argument alone."""

    def __init__(self, framework: JaxFramework, function: ForeignFunction, calls: SampledCalls) -> None:
        self.framework = framework
        self.function = function
        self.options = calls.options[0]
        self.arrays = calls.arrays[0]
        self.wanted = [i for i in range(len(self.arrays)) if i not in calls.integers]
        self.refusals = Refusals(function.name, function.arguments, self.arrays, self.options)
        self.tensors = [framework.tensor(a) for a in self.arrays]
        self.values = [np.asarray(y) for y in self.call(*self.tensors)]
        chance = np.random.default_rng(len(self.values))
        self.cotangents = [chance.uniform(0.5, 1.5, y.shape) * chance.choice([-1.0, 1.0], y.shape) for y in self.values]
        # Where a gradient cancels to nothing, what is left of its terms is round-off.
        sizes = [
            np.max(np.abs(c), initial=0.0) * (1.0 + np.max(np.abs(y), initial=0.0))
            for c, y in zip(self.cotangents, self.values, strict=True)
        ]
        self.refusals.floor = 1e-12 * float(max(sizes, default=0.0))
        self.due = {i: np.asarray(self.pull([i], self.tensors)[1][0]) for i in self.wanted}

    def call(self, *tensors: ForeignTensor) -> tuple[ForeignTensor, ...]:
        """All outputs."""
        return self.function.call(tensors, self.options)

    def pull(
        self, wanted: Sequence[int], tensors: Sequence[ForeignTensor]
    ) -> tuple[tuple[ForeignTensor, ...], tuple[ForeignTensor, ...]]:
        """Outputs and gradients in one call."""
        ys, pull = self.framework.pulled(self.function.call, wanted, tensors, self.options)
        return ys, pull([self.framework.tensor(c) for c in self.cotangents])

    def compare_outputs(self, ys: Sequence[ForeignTensor], when: str, remedy: str) -> None:
        """Refuse outputs that are not those of a plain call."""
        for k, (y, due) in enumerate(zip(ys, self.values, strict=True)):
            found = np.asarray(y)
            if gap_of(found, due) is not None:
                told = "" if found.shape != due.shape else _first_gap(found, due)
                raise self.refusals.contract(f"output {k} is another one {when}{told}", remedy)

    def compare(self, found: Sequence[ForeignTensor], problem: str, remedy: str) -> None:
        """Refuse gradients that are not those of each argument alone."""
        for i, g in zip(self.wanted, found, strict=True):
            if gap_of(np.asarray(g), self.due[i], self.refusals.floor) is not None:
                raise self.refusals.mismatch(i, np.asarray(g), self.due[i], problem, remedy)


def _first_gap(found: Array, due: Array) -> str:
    gap = gap_of(found, due)
    place = np.unravel_index(int(np.argmax(gap)) if gap is not None else 0, due.shape)
    return f" ({float(found[place]):.8g} for {float(due[place]):.8g})"


def _same_value(run: _Run) -> tuple[int, list[str]]:
    ys, _ = run.pull(run.wanted, run.tensors)
    run.compare_outputs(ys, "where it is differentiated", "fwd must return what the function itself returns")
    return 1, []


def _together(run: _Run) -> tuple[int, list[str]]:
    if len(run.wanted) < 2:
        return 0, []
    _, found = run.pull(run.wanted, run.tensors)
    run.compare(found, "its gradient is another one where all arguments are differentiated together",
                "the gradient for an argument does not depend on which others are differentiated")  # fmt: skip
    return 1, []


def _interleaved(run: _Run) -> tuple[int, list[str]]:
    _, pull = run.framework.pulled(run.function.call, run.wanted, run.tensors, run.options)
    others = [t * 0.5 + 0.25 if i in run.wanted else t for i, t in enumerate(run.tensors)]
    run.framework.pulled(run.function.call, run.wanted, others, run.options)
    found = pull([run.framework.tensor(c) for c in run.cotangents])
    run.compare(found, "its gradient is another one after a second call on other numbers",
                "return residuals from fwd; keep nothing in globals or on objects")  # fmt: skip
    return 1, []


def _jvp(run: _Run) -> tuple[int, list[str]]:
    """Forward mode, where there is one: <w, jvp(u)> = <vjp(w), u>.

    For each argument alone and for all.
    """
    chance = np.random.default_rng(1)
    directions = {i: chance.uniform(0.5, 1.5, run.arrays[i].shape) for i in run.wanted}
    sets = [[i] for i in run.wanted] + ([run.wanted] if len(run.wanted) > 1 else [])
    for moved in sets:

        def part(*xs: ForeignTensor, moved: Sequence[int] = tuple(moved)) -> tuple[ForeignTensor, ...]:
            replaced = dict(zip(moved, xs, strict=True))
            return run.call(*(replaced.get(i, t) for i, t in enumerate(run.tensors)))

        tangents = tuple(run.framework.tensor(directions[i]) for i in moved)
        try:
            ys, out = run.framework.jax.jvp(part, tuple(run.tensors[i] for i in moved), tangents)
        except Exception as error:
            return 0, [f"forward mode: refused aloud, {type(error).__name__}: {first_line(error, 80)}"]
        run.compare_outputs(ys, "in forward mode", "the jvp must return what the function itself returns")
        found = sum(
            float(np.sum(w * np.asarray(t)))
            for w, y, t in zip(run.cotangents, run.values, out, strict=True) if y.dtype.kind == "f"
        )  # fmt: skip
        due = sum(float(np.sum(run.due[i] * directions[i])) for i in moved)
        size = sum(float(np.sum(np.abs(run.due[i] * directions[i]))) for i in moved)
        if not abs(found - due) <= 1e-9 * size + 1e-12:
            names = ", ".join(run.function.arguments[i] for i in moved)
            raise run.refusals.contract(
                f"forward and reverse mode differ along {names}: {found:.9g} and {due:.9g}",
                "the gradient agrees with differences: mend the jvp",
            )
    return len(sets), []


def _compiled(run: _Run) -> tuple[int, list[str]]:
    try:
        ys, found = run.framework.jax.jit(lambda *ts: run.pull(run.wanted, ts))(*run.tensors)
    except Exception as error:
        return 0, [f"jit: refused aloud, {type(error).__name__}: {first_line(error, 80)}"]
    run.compare_outputs(ys, "under jit", "no side effects, and no branch on whether numbers are being traced")
    run.compare(found, "its gradient is another one under jit",
                "no side effects, and no branch on whether numbers are being traced")  # fmt: skip
    return 1, []


def _axes(run: _Run) -> Iterator[tuple[str, list[int | None]]]:
    yield "all arguments", [0 for _ in run.arrays]
    yield "all arguments, last axis", [a.ndim if a.ndim else 0 for a in run.arrays]
    if len(run.arrays) > 1:
        for i in run.wanted:
            yield f"{run.function.arguments[i]} alone", [0 if k == i else None for k in range(len(run.arrays))]


def _batched(run: _Run) -> tuple[int, list[str]]:
    """A batch gives what its members give."""
    checks = 0
    jax: Any = run.framework.jax
    scaled = [t * 0.5 if i in run.wanted else t for i, t in enumerate(run.tensors)]
    for label, axes in _axes(run):
        members = [run.tensors, [s if a is not None else t for s, t, a in zip(scaled, run.tensors, axes, strict=True)]]
        stacked = [
            t if a is None else run.framework.numpy.stack((t, s), axis=a)
            for t, s, a in zip(run.tensors, scaled, axes, strict=True)
        ]
        try:
            due = [run.pull(run.wanted, m) for m in members]
            found = jax.vmap(lambda *ts: run.pull(run.wanted, ts), in_axes=tuple(axes))(*stacked)
        except Exception as error:
            return checks, [f"vmap: refused aloud, {type(error).__name__}: {first_line(error, 80)}"]
        for what, part in (("outputs", 0), ("gradients", 1)):
            for k, batch in enumerate(found[part]):
                expected = np.stack([np.asarray(d[part][k]) for d in due])
                if batch.shape != expected.shape or not np.allclose(
                    np.asarray(batch), expected, rtol=1e-9, atol=1e-11, equal_nan=True
                ):
                    raise run.refusals.contract(
                        f"under jax.vmap ({label}) its {what} are not those of one call after the other",
                        "count axes from the end, and sum over axes of the arguments only",
                    )
        checks += 1
    return checks, []
