"""PyTorch as the gate meets it: arrays in, arrays out.

Gradients are functions that can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

import numpy as np

from minigrad import GradientError
from minigrad.typing import Array
from minigrad_gate.foreign import Call, ForeignTensor, Options

_MOST_NODES = 200


class OnceDifferentiable(RuntimeError):
    """A second derivative was asked of what is marked to have none.

    Torch itself raises where backward runs into the mark, and answers None where one argument is asked for.
    """


class TorchFramework:
    """Calls functions of PyTorch on arrays.

    Torch itself is imported when this is made.
    """

    rule_word = "backward"
    joint = False

    def __init__(self) -> None:
        self.torch = import_module("torch")

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Small tensors on one thread: several only wait for each other."""
        before = self.torch.get_num_threads()
        self.torch.set_num_threads(1)
        try:
            yield
        finally:
            self.torch.set_num_threads(before)

    def is_tensor(self, value: object) -> bool:
        """Whether `value` is examined; everything else is an option."""
        return isinstance(value, self.torch.Tensor | np.ndarray)

    def numbers(self, value: ForeignTensor, name: str) -> Array:
        """The numbers of a sample.

        Raises:
            GradientError: it is on another device, sparse, complex or quantized.
        """
        if isinstance(value, np.ndarray):
            value = self.torch.from_numpy(np.array(value))
        kind = self._unusable(value)
        if kind:
            raise GradientError(
                f"argument {name!r} is {kind}: the gate compares with differences on the CPU. Pass {kind_remedy(kind)}"
            )
        if value.is_floating_point():
            value = value.detach().to(self.torch.float64)
        return self.array(value)

    def _unusable(self, value: ForeignTensor) -> str:
        if value.device.type != "cpu":
            return f"a tensor on {value.device}"
        if value.layout != self.torch.strided:
            return f"a sparse tensor ({value.layout})"
        if value.is_complex():
            return f"a tensor of {value.dtype}"
        return "a quantized tensor" if value.is_quantized else ""

    def tensor(self, a: Array) -> ForeignTensor:
        """Make a tensor with memory of its own.

        Torch takes neither read-only arrays nor negative strides.
        """
        return self.torch.from_numpy(np.array(a))

    def array(self, t: ForeignTensor) -> Array:
        """The numbers of a tensor."""
        numbers: Array = t.numpy(force=True)  # force resolves what torch computes lazily
        return numbers

    def values(self, call: Call, arrays: Sequence[Array], options: Options) -> tuple[Array, ...]:
        """The outputs of `call`, in a mode in which gradients can be taken inside."""
        with self.torch.enable_grad():
            outputs = call([self.tensor(a) for a in arrays], options)
        return tuple(self.array(y) for y in outputs)

    def broadcast(self, tensors: Sequence[ForeignTensor]) -> Sequence[ForeignTensor]:
        """The tensors, broadcast against each other."""
        broadcast: Sequence[ForeignTensor] = self.torch.broadcast_tensors(*tensors)
        return broadcast

    def gradient(self, call: Call, wanted: tuple[int, ...], outputs: int) -> Call:
        """The gradients for some arguments.

        Only these arguments require one, unless an outer gradient asks for more.
        """
        torch = self.torch

        def pulled(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
            cotangents, xs = tensors[:outputs], list(tensors[outputs:])
            nested = any(t.requires_grad for t in tensors)
            for i in wanted:
                if not xs[i].requires_grad:
                    xs[i] = xs[i].detach().requires_grad_()
            ys = call(xs, options)
            live = [(y, g) for y, g in zip(ys, cotangents, strict=True) if y.requires_grad]
            if not live:
                return tuple(torch.zeros_like(xs[i]) for i in wanted)
            gradients = torch.autograd.grad(
                [y for y, _ in live], [xs[i] for i in wanted], [g for _, g in live], create_graph=nested,
                allow_unused=True,
            )  # fmt: skip
            if nested and any(g is not None and _marked_once(g.grad_fn) for g in gradients):
                raise OnceDifferentiable("backward is marked @once_differentiable")
            pairs = zip(wanted, gradients, strict=True)
            return tuple(torch.zeros_like(xs[i]) if g is None else g for i, g in pairs)

        return pulled


def kind_remedy(kind: str) -> str:
    """What to pass instead of a tensor that cannot be examined."""
    if kind.startswith("a sparse"):
        return ".to_dense(), in a function that makes it sparse again"
    if kind.startswith("a quantized"):
        return ".dequantize()"
    if "complex" in kind:
        return "its real and imaginary parts, in a function that joins them"
    if "meta" in kind:
        return "a tensor with numbers: meta tensors have none"
    return "x.cpu(), and the module after .cpu()"


def _marked_once(node: ForeignTensor) -> bool:
    """Whether a graph holds the node that `once_differentiable` leaves behind."""
    waiting: list[ForeignTensor] = [node]
    seen: set[ForeignTensor] = set()
    while waiting and len(seen) < _MOST_NODES:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if type(node).__name__ == "Error":
            return True
        seen.add(node)
        waiting += [following for following, _ in node.next_functions]
    return False
