"""What HIPS autograd asks of a primitive beyond right numbers."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from minigrad_gate.foreign import ForeignFunction, ForeignTensor, first_line
from minigrad_gate.hips_framework import AutogradFramework
from minigrad_gate.refusal import Refusals, gap_of
from minigrad_gate.samples import SampledCalls


class AutogradContract:
    """The checks that only HIPS autograd needs."""

    def __init__(self, framework: AutogradFramework) -> None:
        self.framework = framework

    def __call__(self, function: ForeignFunction, calls: SampledCalls) -> tuple[int, list[str]]:
        """Run all of them on the first sample."""
        arrays, options = calls.arrays[0], calls.options[0]
        wanted = [i for i in range(len(arrays)) if i not in calls.integers]
        refusals = Refusals(function.name, function.arguments, arrays, options)
        values = [np.asarray(y) for y in function.call(arrays, options)]
        chance = np.random.default_rng(len(values))
        gs = [chance.uniform(0.5, 1.5, y.shape) * chance.choice([-1.0, 1.0], y.shape) for y in values]
        due = {i: np.array(self.framework.gradients(function.call, [i], arrays, options, gs)[0]) for i in wanted}
        together = self.framework.gradients(function.call, wanted, arrays, options, gs)
        for i, g in zip(wanted, together, strict=True):
            if gap_of(np.asarray(g), due[i]) is not None:
                raise refusals.mismatch(
                    i, np.asarray(g), due[i], "its gradient is another one where all arguments are differentiated",
                    "defvjp and argnums: each maker answers for its own argument",
                )  # fmt: skip
        self._refuse_writing(function, calls, gs, refusals)
        more, notes = self._forward_mode(function, calls, due, gs, refusals)
        return 2 + more, notes

    def _refuse_writing(
        self, function: ForeignFunction, calls: SampledCalls, gs: list[ForeignTensor], refusals: Refusals
    ) -> None:
        """Refuse rules that change the output gradient, which other rules read too."""
        arrays, options = calls.arrays[0], calls.options[0]
        for k, g in enumerate(gs):
            for i in (i for i in range(len(arrays)) if i not in calls.integers):

                def output(x: ForeignTensor, i: int = i, k: int = k) -> ForeignTensor:
                    return function.call([x if j == i else a for j, a in enumerate(arrays)], options)[k]

                pull, _ = self.framework.core.make_vjp(output, arrays[i])
                given = g.copy()
                pull(given)
                if not np.array_equal(given, g):
                    raise refusals.contract(
                        f"its rule writes into the gradient of output {k}", "make a new array in the rule"
                    )

    def _forward_mode(
        self, function: ForeignFunction, calls: SampledCalls, due: dict[int, ForeignTensor], gs: list[ForeignTensor],
        refusals: Refusals,
    ) -> tuple[int, list[str]]:  # fmt: skip
        """Forward mode, where there is one, agrees with reverse mode."""
        arrays, options = calls.arrays[0], calls.options[0]
        make_jvp = import_module("autograd.core").make_jvp
        for i, g in due.items():

            def projected(x: ForeignTensor, i: int = i) -> ForeignTensor:
                ys = function.call([x if k == i else a for k, a in enumerate(arrays)], options)
                return sum(self.framework.numpy.sum(y * w) for y, w in zip(ys, gs, strict=True))

            direction = np.random.default_rng(i).uniform(0.5, 1.5, arrays[i].shape)
            try:
                found = float(make_jvp(projected, arrays[i])(direction)[1])
            except NotImplementedError:
                return 0, []  # the primitive has no defjvp, which is common
            except Exception as error:
                return 0, [f"forward mode: refused aloud, {type(error).__name__}: {first_line(error, 80)}"]
            expected = float(np.sum(g * direction))
            if not abs(found - expected) <= 1e-9 * float(np.sum(np.abs(g * direction))) + 1e-12:
                raise refusals.contract(
                    f"forward and reverse mode differ along {function.arguments[i]}: {found:.9g} and {expected:.9g}",
                    "the gradient agrees with differences: mend defjvp",
                )
        return len(due), []
