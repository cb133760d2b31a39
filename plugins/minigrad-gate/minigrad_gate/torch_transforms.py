"""`jvp` and `vmap` of a Function, where its author has written them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad_gate.foreign import first_line
from minigrad_gate.torch_subject import TorchSubject

if TYPE_CHECKING:
    from minigrad_gate.torch_contract import _Run


def check_jvp(run: _Run, subject: TorchSubject) -> tuple[int, list[str]]:
    """Forward mode agrees with backward: <w, jvp(u)> = <vjp(w), u>.

    For one argument after the other and for all.
    """
    base = run.torch.autograd.Function
    if subject.function is None or subject.function.jvp is base.jvp:
        return 0, []
    forward_mode = run.torch.autograd.forward_ad
    chance = np.random.default_rng(1)
    directions = {i: chance.uniform(0.5, 1.5, run.arrays[i].shape) for i in run.wanted}
    sets = [[i] for i in run.wanted] + ([run.wanted] if len(run.wanted) > 1 else [])
    for moved in sets:
        names = ", ".join(run.function.arguments[i] for i in moved)
        try:
            with forward_mode.dual_level():
                xs = run.tensors(())
                for i in moved:
                    xs[i] = forward_mode.make_dual(xs[i], run.framework.tensor(directions[i]))
                tangents = [forward_mode.unpack_dual(y).tangent for y in run.outputs(xs)]
        except Exception as error:
            raise run.refusals.contract(
                f"its jvp raises {type(error).__name__} where {names} has a tangent: {first_line(error)}",
                "tangents of arguments without one are None",
            ) from error
        found = sum(
            float(np.sum(w * run.framework.array(t)))
            for w, t in zip(run.cotangents, tangents, strict=True)
            if t is not None
        )
        due = sum(float(np.sum(run.due[i] * directions[i])) for i in moved)
        size = sum(float(np.sum(np.abs(run.due[i] * directions[i]))) for i in moved)
        if not abs(found - due) <= 1e-9 * size + 1e-12:
            raise run.refusals.contract(
                f"its jvp is not the transpose of its backward: along {names} <w, jvp(u)> is {found:.9g} and "
                f"<backward(w), u> is {due:.9g}", "backward agrees with differences: mend jvp",
            )  # fmt: skip
    return len(sets), []


def check_vmap(run: _Run, subject: TorchSubject) -> tuple[int, list[str]]:
    """A batch gives what its members give, over the first axis and over the last."""
    function: Any = subject.function
    base = run.torch.autograd.Function
    if function is None or not (function.generate_vmap_rule or function.vmap is not base.vmap):
        return 0, []
    torch = run.torch
    members = [run.tensors(()), [t * 0.5 if i in run.wanted else t for i, t in enumerate(run.tensors(()))]]

    def value_and_gradients(*xs: Any) -> Any:
        ys, pull = torch.func.vjp(lambda *zs: _all(run, xs, zs), *(xs[i] for i in run.wanted))
        return ys, pull(tuple(torch.full_like(y, 1.5) for y in ys))

    due = [value_and_gradients(*m) for m in members]
    for axis in (0, -1):
        stacked = [torch.stack(pair, dim=axis) for pair in zip(*members, strict=True)]
        dims = tuple(axis if t.dim() > 1 or axis == 0 else 0 for t in stacked)
        try:
            found = torch.func.vmap(value_and_gradients, in_dims=dims)(*stacked)
        except Exception as error:
            return 0, [f"vmap: refused aloud, {type(error).__name__}: {first_line(error, 80)}"]
        for what, part in (("outputs", 0), ("gradients", 1)):
            for k, batch in enumerate(found[part]):
                expected = torch.stack([d[part][k] for d in due])
                if batch.shape != expected.shape or not torch.allclose(batch, expected, rtol=1e-9, atol=1e-11):
                    raise run.refusals.contract(
                        f"under torch.func.vmap (in_dims={axis}) its {what} are not those of one call after the other",
                        "mend vmap, or generate_vmap_rule = True",
                    )
    return 2, []


def _all(run: _Run, xs: Any, zs: Any) -> Any:
    replaced = dict(zip(run.wanted, zs, strict=True))
    return tuple(run.function.call([replaced.get(i, x) for i, x in enumerate(xs)], run.options))
