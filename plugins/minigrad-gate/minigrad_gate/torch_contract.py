"""What PyTorch asks of a backward beyond right numbers, and `gradcheck` does not.

Each check compares with what the same backward gives in the plainest case: one argument that requires a gradient,
contiguous tensors, one call. That has been compared with differences before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from minigrad.typing import Array
from minigrad_gate.foreign import ForeignFunction, ForeignTensor, Options, first_line
from minigrad_gate.refusal import Refusals, gap_of
from minigrad_gate.samples import SampledCalls
from minigrad_gate.torch_framework import TorchFramework
from minigrad_gate.torch_layouts import ARGUMENT_LAYOUTS, COTANGENT_LAYOUTS, repeated
from minigrad_gate.torch_subject import TorchSubject
from minigrad_gate.torch_transforms import check_jvp, check_vmap

_MOST_SAMPLES = 2
_MOST_SUBSETS = 12
_NEARBY = 1.0 + 2.0**-40
_UNLIKELY_SEED = 3_141_592_653


class TorchContract:
    """The checks that only PyTorch needs."""

    def __init__(self, framework: TorchFramework, subject: TorchSubject) -> None:
        self.framework = framework
        self.subject = subject

    def __call__(self, function: ForeignFunction, calls: SampledCalls) -> tuple[int, list[str]]:
        """Run all of them on the first samples."""
        checks, notes = 0, []
        for arrays, options in list(zip(calls.arrays, calls.options, strict=True))[:_MOST_SAMPLES]:
            run = _Run(self.framework, function, calls, arrays, options)
            for check in (
                _repeated_backward, _argument_subsets, _unused_outputs, _interleaved_calls, _layouts, _changed_in_place,
                _surroundings,
            ):  # fmt: skip
                more, left_out = check(run)
                checks += more
                notes += left_out
            for transform in (check_jvp, check_vmap):
                more, left_out = transform(run, self.subject)
                checks += more
                notes += left_out
        return checks, notes


class _Run:
    """One sample, and what backward gives on it for each argument alone."""

    def __init__(
        self, framework: TorchFramework, function: ForeignFunction, calls: SampledCalls, arrays: tuple[Array, ...],
        options: Options,
    ) -> None:  # fmt: skip
        self.framework = framework
        self.torch = framework.torch
        self.function = function
        self.arrays = arrays
        self.options = options
        self.wanted = [i for i in range(len(arrays)) if i not in calls.integers]
        self.refusals = Refusals(function.name, function.arguments, arrays, options)
        ys = self.outputs(self.tensors(()))
        chance = np.random.default_rng(len(ys))
        self.values = [framework.array(y).copy() for y in ys]
        self.cotangents = [chance.uniform(0.5, 1.5, y.shape) * chance.choice([-1.0, 1.0], y.shape) for y in self.values]
        # Where a gradient cancels to nothing, what is left of its terms is round-off.
        sizes = [
            np.max(np.abs(c), initial=0.0) * (1.0 + np.max(np.abs(y), initial=0.0))
            for c, y in zip(self.cotangents, self.values, strict=True)
        ]
        self.refusals.floor = 1e-12 * float(max(sizes, default=0.0))
        self.due = {i: self.gradients((i,))[i] for i in self.wanted}

    def tensors(self, wanted: Iterable[int]) -> list[ForeignTensor]:
        """Fresh tensors, of which some require a gradient."""
        return [self.framework.tensor(a).requires_grad_(i in set(wanted)) for i, a in enumerate(self.arrays)]

    def outputs(self, tensors: Sequence[ForeignTensor]) -> tuple[ForeignTensor, ...]:
        """All outputs on tensors."""
        with self.torch.enable_grad():
            return self.function.call(tensors, self.options)

    def cotangent(self, k: int) -> ForeignTensor:
        """A fresh tensor with the gradient of output k."""
        return self.framework.tensor(self.cotangents[k])

    def pull(
        self, ys: Sequence[ForeignTensor], xs: Mapping[int, ForeignTensor], outputs: Iterable[int] | None = None,
        cotangents: Callable[[int], ForeignTensor] | None = None, retain: bool = False,
    ) -> dict[int, ForeignTensor]:  # fmt: skip
        """Gradients for `xs`, through the outputs that are named and can be differentiated."""
        live = [k for k in (range(len(ys)) if outputs is None else outputs) if ys[k].requires_grad]
        if not live:
            return {i: self.torch.zeros_like(x) for i, x in xs.items()}
        gs = [(cotangents or self.cotangent)(k) for k in live]
        found = self.torch.autograd.grad(
            [ys[k] for k in live], list(xs.values()), gs, allow_unused=True, retain_graph=retain
        )
        pairs = zip(xs.items(), found, strict=True)
        return {i: self.torch.zeros_like(x) if g is None else g for (i, x), g in pairs}

    def gradients(self, wanted: Sequence[int], outputs: Iterable[int] | None = None) -> dict[int, Array]:
        """Gradients in one call in which the arguments `wanted` require them."""
        xs = self.tensors(wanted)
        found = self.pull(self.outputs(xs), {i: xs[i] for i in wanted}, outputs)
        return {i: self.framework.array(g).copy() for i, g in found.items()}

    def compare(
        self, found: Mapping[int, ForeignTensor | Array], due: Mapping[int, Array], problem: str, remedy: str
    ) -> None:
        """Refuse gradients that are not those that are due."""
        for i, g in found.items():
            numbers = g if isinstance(g, np.ndarray) else self.framework.array(g)
            if gap_of(numbers, due[i], self.refusals.floor) is not None:
                raise self.refusals.mismatch(i, numbers, due[i], problem, remedy)


def _repeated_backward(run: _Run) -> tuple[int, list[str]]:
    """Backward twice through one graph gives equal gradients.

    Neither g nor the first answer is written to.
    """
    xs = run.tensors(run.wanted)
    wanted = {i: xs[i] for i in run.wanted}
    ys = run.outputs(xs)
    for k, y in enumerate(ys):
        if gap_of(run.framework.array(y), run.values[k], run.refusals.floor) is not None:
            raise run.refusals.contract(
                f"output {k} has other values where a gradient is required", "compute outputs in one way only"
            )
    gs = {k: run.cotangent(k) for k in range(len(ys))}
    first = run.pull(ys, wanted, None, gs.__getitem__, retain=True)
    kept = {i: run.framework.array(g).copy() for i, g in first.items()}
    for k, g in gs.items():
        if not np.array_equal(run.framework.array(g), run.cotangents[k]):
            raise run.refusals.contract(
                f"backward writes into the gradient of output {k}, which other functions read too",
                "make a new tensor: no in-place operation on grad_output",
            )
    try:
        second = run.pull(ys, wanted, retain=True)
    except Exception as error:
        raise run.refusals.contract(
            f"a second backward (retain_graph=True) raises {type(error).__name__}: {first_line(error)}",
            "backward must leave ctx as it was",
        ) from error
    run.compare(second, kept, "a second backward through one graph gives another gradient",
                "backward must leave ctx, and saved tensors, as they were")  # fmt: skip
    run.compare(first, kept, "its backward returns a tensor that the next backward overwrites",
                "return a new tensor from each backward")  # fmt: skip
    return 3, []


def _argument_subsets(run: _Run) -> tuple[int, list[str]]:
    """Gradients do not depend on which other arguments require one."""
    sizes = (len(run.wanted), *range(2, len(run.wanted)))
    subsets = [s for n in sizes if n > 1 for s in combinations(run.wanted, n)][:_MOST_SUBSETS]
    for subset in subsets:
        names = ", ".join(run.function.arguments[i] for i in subset)
        when = f"where {names} require gradients together"
        try:
            found = run.gradients(subset)
        except Exception as error:
            raise run.refusals.contract(
                f"backward raises {type(error).__name__} {when}: {first_line(error)}",
                "return one gradient or None for each argument, whatever ctx.needs_input_grad says",
            ) from error
        run.compare(found, run.due, f"its gradient is another one {when}",
                    "use ctx.needs_input_grad[k] of the argument itself")  # fmt: skip
    return len(subsets), []


def _unused_outputs(run: _Run) -> tuple[int, list[str]]:
    """An output that is not used counts as one with a gradient of zeros."""
    xs = run.tensors(run.wanted)
    live = [k for k, y in enumerate(run.outputs(xs)) if y.requires_grad]
    if len(live) < 2:
        return 0, []
    for k in live:
        xs = run.tensors(run.wanted)
        wanted = {i: xs[i] for i in run.wanted}
        ys = run.outputs(xs)

        def padded(j: int, k: int = k) -> ForeignTensor:
            return run.cotangent(j) * (1.0 if j == k else 0.0)

        due = {i: run.framework.array(g).copy() for i, g in run.pull(ys, wanted, None, padded, retain=True).items()}
        try:
            found = run.pull(run.outputs(xs), wanted, [k])
        except Exception as error:
            raise run.refusals.contract(
                f"backward raises {type(error).__name__} where only output {k} is used: {first_line(error)}",
                "gradients of unused outputs are None after ctx.set_materialize_grads(False): test for None",
            ) from error
        run.compare(found, due, f"its gradient is another one where only output {k} is used",
                    "an unused output counts as one with a gradient of zeros")  # fmt: skip
    return len(live), []


def _interleaved_calls(run: _Run) -> tuple[int, list[str]]:
    """Backward of the first of two calls knows nothing of the second."""
    xs = run.tensors(run.wanted)
    ys = run.outputs(xs)
    others = [t.detach() * 0.5 + 0.25 if i in run.wanted else t for i, t in enumerate(run.tensors(()))]
    others = [o.requires_grad_(i in run.wanted) for i, o in enumerate(others)]
    try:
        run.outputs(others)
    except Exception:  # numbers that the function refuses leave nothing behind
        run.outputs(run.tensors(run.wanted))
    for k, y in enumerate(ys):
        if gap_of(run.framework.array(y), run.values[k], run.refusals.floor) is not None:
            raise run.refusals.contract(
                f"its next call overwrites output {k}", "return a new tensor from each forward: no buffer that is kept"
            )
    found = run.pull(ys, {i: xs[i] for i in run.wanted})
    run.compare(found, run.due, "its gradient is another one after a second call on other numbers",
                "keep nothing on the class or in globals: ctx.save_for_backward belongs to one call")  # fmt: skip
    return 1, []


def _layouts(run: _Run) -> tuple[int, list[str]]:
    """Strided, offset and expanded tensors, as arguments and as gradients of outputs."""
    checks, notes = 0, []
    for label, relaid in ARGUMENT_LAYOUTS:
        arranged = [relaid(run.torch, t) if i in run.wanted else t for i, t in enumerate(run.tensors(()))]
        plain = [t.detach().contiguous().clone() for t in arranged]
        try:
            ys, due = _backward_on(run, plain)
            _, nearby = _backward_on(run, [t * _NEARBY if i in run.wanted else t for i, t in enumerate(plain)])
        except Exception:  # equal numbers, say, that are not in the domain
            continue
        if not all(np.allclose(nearby[i], g, rtol=1e-5, atol=1e-7) for i, g in due.items()):
            continue  # equal columns make a matrix singular: what is computed there is round-off
        try:
            zs, found = _backward_on(run, arranged)
        except Exception as error:
            notes.append(f"{label} arguments: refused aloud, {type(error).__name__}: {first_line(error, 80)}")
            continue
        checks += 1
        for k, (y, z) in enumerate(zip(ys, zs, strict=True)):
            if not np.allclose(run.framework.array(y), run.framework.array(z), rtol=1e-9, atol=1e-11, equal_nan=True):
                raise run.refusals.contract(
                    f"output {k} changes where arguments are {label}", "no assumption on strides: .contiguous()"
                )
        run.compare(found, due, f"its gradient changes where arguments are {label}",
                    "no assumption on strides: .contiguous(), or index by axis")  # fmt: skip
    for label, relaid in COTANGENT_LAYOUTS:
        gs = [relaid(run.torch, run.cotangent(k)) for k in range(len(run.values))]
        due_of = _backward_with(run, [repeated(g) for g in gs].__getitem__)
        try:
            found = _backward_with(run, gs.__getitem__)
        except Exception as error:
            raise run.refusals.contract(
                f"backward raises {type(error).__name__} for {label} gradients of the output: {first_line(error)}",
                "grad_output may have any strides (y.sum() gives an expanded one): reshape, not view",
            ) from error
        checks += 1
        run.compare(found, due_of, f"its gradient changes with {label} gradients of the output",
                    "grad_output may have any strides (y.sum() gives an expanded one)")  # fmt: skip
    return checks, notes


def _backward_on(run: _Run, tensors: Sequence[ForeignTensor]) -> tuple[tuple[ForeignTensor, ...], dict[int, Array]]:
    xs = [t.requires_grad_() if i in run.wanted else t for i, t in enumerate(tensors)]
    ys = run.outputs(xs)
    found = run.pull(ys, {i: xs[i] for i in run.wanted})
    return ys, {i: run.framework.array(g).copy() for i, g in found.items()}


def _backward_with(run: _Run, cotangents: Callable[[int], ForeignTensor]) -> dict[int, Array]:
    xs = run.tensors(run.wanted)
    found = run.pull(run.outputs(xs), {i: xs[i] for i in run.wanted}, None, cotangents)
    return {i: run.framework.array(g).copy() for i, g in found.items()}


def _changed_in_place(run: _Run) -> tuple[int, list[str]]:
    """What changes between forward and backward is noticed, or does not matter."""
    checks = 0
    for i in run.wanted:
        leaves = run.tensors(run.wanted)
        xs = [t.clone() if k in run.wanted else t for k, t in enumerate(leaves)]
        ys = run.outputs(xs)
        with run.torch.no_grad():
            xs[i].mul_(-0.75).add_(0.375)
        checks += _noticed(run, ys, leaves, f"argument {run.function.arguments[i]!r}")
    for k in range(len(run.values)):
        leaves = run.tensors(run.wanted)
        ys = run.outputs([t.clone() if i in run.wanted else t for i, t in enumerate(leaves)])
        if not ys[k].is_floating_point():
            continue
        with run.torch.no_grad():
            ys[k].mul_(-0.75).add_(0.375)
        checks += _noticed(run, ys, leaves, f"output {k}")
    return checks, []


def _noticed(run: _Run, ys: Sequence[ForeignTensor], leaves: Sequence[ForeignTensor], what: str) -> int:
    try:
        found = run.pull(ys, {i: leaves[i] for i in run.wanted})
    except RuntimeError:  # torch has noticed: aloud, as it should be
        return 1
    run.compare(found, run.due, f"its gradient silently changes with what is written into {what} after the call",
                "save it by ctx.save_for_backward, which notices; no ctx.x = x, no .data")  # fmt: skip
    return 1


def _surroundings(run: _Run) -> tuple[int, list[str]]:
    """Global random numbers, the default dtype and the mode of gradients are left as they are."""
    torch = run.torch
    before = torch.random.get_rng_state()
    try:
        torch.manual_seed(_UNLIKELY_SEED)
        settings = _settings(run)
        run.gradients(run.wanted)
        changed = [name for name, value in _settings(run).items() if value != settings[name]]
    finally:
        torch.random.set_rng_state(before)
    if changed:
        raise run.refusals.contract(
            f"it changes {changed[0]} for the rest of the program",
            "use torch.random.fork_rng() or a torch.Generator of its own, and restore what is set",
        )
    return 1, []


def _settings(run: _Run) -> dict[str, object]:
    torch = run.torch
    return {
        "torch's global random numbers": torch.random.get_rng_state().numpy().tobytes(),
        "torch's default dtype": torch.get_default_dtype(),
        "the mode of gradients (torch.is_grad_enabled)": torch.is_grad_enabled(),
        "the number of threads": torch.get_num_threads(),
        "torch.use_deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "NumPy's error state": repr(np.geterr()),
    }
