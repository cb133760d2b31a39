"""Layout: images of convolutions, and what follows them, with the images last.

They lie as (first axis, channels, other axes, images).

The images come last, so that pooling, bias, relu and their gradients run along whole rows of memory, and channels
come after the first axis, so that windows are matrices (see `layout_windows`). Convolutions are lowered to this order
between two transposes; transposes then sink through everything that works entry by entry, pooling and sums, until they
meet another convolution's and vanish, or a call that they cannot pass.
"""

from __future__ import annotations

from math import prod
from typing import cast

from minigrad.core.types import Shape
from minigrad.ops.network.windows import Pairs
from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.kernels.internal_ops import max_pool_backward
from minigrad.program.passes.images.conv_layout_kernels import LAID_OUT, inverse
from minigrad.program.passes.rewrite import Builder, is_call_of

__all__ = ["layout_convolutions"]

_FEWEST_IMAGES = 8
_SHORTEST = 64
"""Numbers in a row of a matrix below which one product for all is worth it.

With fewer, one product for each row costs more than one for all.
"""


def layout_convolutions(graph: Graph) -> Graph:
    """Lay convolutions of many images out as suits them.

    With what works on their results.
    """
    return _Layout(graph).laid_out()


class _Layout:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values: list[Value] = list(graph.values)
        self.steps: list[Instruction] = []
        self.turned: dict[int, tuple[int, Shape]] = {}
        """For a value that is a transpose of the layout's: of which value, and by which axes."""
        self.names: dict[int, int] = {}

    def laid_out(self) -> Graph:
        for step in self.graph.steps:
            if not isinstance(step, Call) or not (self._lowered(step) or self._sunk(step)):
                self.steps.append(step)
        return self.graph.replace_uses(self.steps, self.names, self.values)

    def _lowered(self, call: Call) -> bool:
        if not is_call_of(call, *LAID_OUT) or not _worth(call, self.values):
            return False
        write_svg: list[Instruction] = []
        LAID_OUT[call.op.name](Builder(call, self.values, write_svg), *call.args, *call.outs)
        for step in write_svg:
            if isinstance(step, Call) and not self._turns(step):
                self.steps.append(step)
        k = call.outs[0]
        last = write_svg[-1]
        if isinstance(last, Call) and last.op.name == "transpose" and call.op.name != "convolve_kernel":
            self.turned[k] = (last.args[0], _axes(last))
        return True

    def _turns(self, call: Call) -> bool:
        """A transpose that undoes one is no call; the result has another name."""
        if call.op.name != "transpose" or call.args[0] not in self.turned:
            return False
        source, axes = self.turned[call.args[0]]
        if tuple(axes[a] for a in _axes(call)) != tuple(range(len(axes))):
            return False
        self.names[call.outs[0]] = source
        return True

    def _sunk(self, call: Call) -> bool:
        """A call on transposed values becomes one on the values themselves, and a transpose."""
        if len(call.outs) != 1 or call.is_dynamic or not any(a in self.turned for a in call.args):
            return False
        if is_call_of(call, "max_pool", "window_sum") or call.op is max_pool_backward:
            return self._pooled(call)
        if is_call_of(call, "sum_to"):
            return self._summed(call)
        if is_call_of(call, "sum", "max", "min", "mean", "variance"):
            return self._reduced(call)
        if is_call_of(call, "standardize"):
            return self._standardized(call)
        return call.op.claims.elementwise and self._entrywise(call)

    def _entrywise(self, call: Call) -> bool:
        out = self.values[call.outs[0]]
        whole = [a for a in call.args if a in self.turned and self.values[a].shape == out.shape]
        if not whole:
            return False
        axes = self.turned[whole[0]][1]
        self._write(call, tuple(self._laid(call, a, axes) for a in call.args), axes)
        return True

    def _pooled(self, call: Call) -> bool:
        """Pooling of the last axes as pooling of all, with windows of length 1 along the others."""
        x = call.args[1] if call.op is max_pool_backward else call.args[0]
        if x not in self.turned:
            return False
        axes = self.turned[x][1]
        options: dict[str, object] = {}
        for name in ("kernel", "stride", "dilation"):
            of_last = cast(Shape, call.kwargs[name])
            whole = (1,) * (len(axes) - len(of_last)) + of_last
            options[name] = tuple(whole[a] for a in inverse(axes))
        self._write(call, tuple(self._laid(call, a, axes) for a in call.args), axes, options)
        return True

    def _summed(self, call: Call) -> bool:
        """`sum_to`, whose result is made of few numbers and may be transposed by copying."""
        source, axes = self.turned[call.args[0]]
        out = self.values[call.outs[0]]
        lined = (1,) * (len(axes) - len(out.shape)) + out.shape
        b = Builder(call, self.values, self.steps)
        shape = tuple(lined[a] for a in inverse(axes))
        total = b.op("sum_to", source, shape=shape, kwargs={"shape": shape})
        b.reshape(b.op("transpose", total, shape=lined, axes=axes), out.shape, call.outs[0])
        return True

    def _reduced(self, call: Call) -> bool:
        """A reduction over the same axes, wherever they lie; what is left is turned back."""
        source, axes = self.turned[call.args[0]]
        over = _reduced_axes(call, len(axes))
        whole = self.values[call.args[0]].shape
        lined = tuple(1 if i in over else n for i, n in enumerate(whole))
        b = Builder(call, self.values, self.steps)
        shape = tuple(lined[a] for a in inverse(axes))
        options = {**call.kwargs, "axis": tuple(sorted(axes[i] for i in over)), "keepdims": True}
        left = b.op(call.op.name, source, shape=shape, kwargs=options)
        b.reshape(b.op("transpose", left, shape=lined, axes=axes), self.values[call.outs[0]].shape, call.outs[0])
        return True

    def _standardized(self, call: Call) -> bool:
        source, axes = self.turned[call.args[0]]
        over = tuple(sorted(axes[i] for i in _reduced_axes(call, len(axes))))
        self._write(call, (source,), axes, {**call.kwargs, "axis": over})
        return True

    def _write(self, call: Call, args: tuple[int, ...], axes: Shape, kwargs: dict[str, object] | None = None) -> None:
        out = self.values[call.outs[0]]
        self.values.append(Value(tuple(out.shape[a] for a in inverse(axes)), out.dtype, "result"))
        k = len(self.values) - 1
        self.steps.append(Call(call.op, args, call.kwargs if kwargs is None else kwargs, (k,), -1, call.where))
        b = Builder(call, self.values, self.steps)
        b.op("transpose", k, shape=out.shape, out=call.outs[0], axes=axes)
        self.turned[call.outs[0]] = (k, axes)

    def _laid(self, call: Call, k: int, axes: Shape) -> int:
        """Operand k as it has to lie beside values that are transposed by `axes`."""
        if k in self.turned and self.turned[k][1] == axes:
            return self.turned[k][0]
        value = self.values[k]
        if not value.shape:
            return k
        b = Builder(call, self.values, self.steps)
        lined = (1,) * (len(axes) - len(value.shape)) + value.shape
        if lined != value.shape:
            k = b.reshape(k, lined)
        back = inverse(axes)
        return b.op("transpose", k, shape=tuple(lined[a] for a in back), axes=back)


def _reduced_axes(call: Call, count: int) -> Shape:
    axis = call.kwargs["axis"]
    axes_given = range(count) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(int(a) % count for a in axes_given)


def _axes(call: Call) -> Shape:
    return cast(Shape, call.kwargs["axes"])


def _worth(call: Call, values: list[Value]) -> bool:
    """Tell whether a call is a convolution that gains from the layout.

    It is in one group, of enough images, with rows that are long enough.
    """
    first, second, out = (values[k] for k in (*call.args, *call.outs))
    if first.dtype.kind != "f" or not first.dtype == second.dtype == out.dtype or not out.nbytes:
        return False
    if call.op.name == "convolve":
        grouped, places = first.shape[1] != second.shape[1], out.shape
    elif call.op.name == "convolve_kernel":
        grouped, places = second.shape[1] != out.shape[1], first.shape
    else:
        grouped, places = out.shape[1] != second.shape[1], first.shape
        if not _dense(call, second.shape[2]):
            return False
    return not grouped and places[0] >= _FEWEST_IMAGES and places[0] * prod(places[3:]) >= _SHORTEST


def _dense(call: Call, kernel: int) -> bool:
    """Whether rows of the gradient follow each other as rows of the image do."""
    stride, dilation = cast(Shape, call.kwargs["stride"]), cast(Shape, call.kwargs["dilation"])
    return stride[0] == dilation[0] == 1 and max(cast(Pairs, call.kwargs["padding"])[0]) < kernel
