"""Operators of MyGrad, HIPS autograd and PyTorch that are here: `PYTHONPATH=. python tests/tools/coverage_table.py`

The union file holds a name and the libraries that have it on each line. A name counts as covered when it is a public
name of minigrad (or its `linalg`, `fft`, or the plugin minigrad-special), or when `OTHERWISE` says what stands for it.
Writes the tables of minigrad/ops/README.md, between its marks; `rows` gives the same as data.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import attrs

import minigrad as mg

UNION = Path(__file__).parents[1] / "data" / "op_union.txt"
README = Path(__file__).parents[2] / "minigrad" / "ops" / "README.md"
LIBRARIES = ("mygrad", "autograd", "torch-core")

OTHERWISE = {
    # MyGrad and autograd under other names
    "array": "tensor",
    "conj": "numpy.conjugate",
    "getitem": "x[key]",
    "setitem": "x[key] = v",
    "positive": "+x, numpy.positive",
    "real": "real_part, numpy.real",
    "real_if_close": "numpy.real_if_close",
    "nn.batchnorm": "batch_norm",
    "nn.conv_nd": "conv",
    "nn.hard_tanh": "hardtanh",
    "nn.logsoftmax": "log_softmax",
    "nn.soft_sign": "softsign",
    "nn.softmax_crossentropy": "cross_entropy",
    "integrate.odeint": "odeint",
    "signal.convolve": "convolve (1-d), conv (n-d)",
    # PyTorch under other names
    "addbmm": "einsum", "addcdiv": "x + v * a / b", "addcmul": "x + v * a * b", "addmm": "x + a @ b",
    "addmv": "x + a @ b", "addr": "x + outer", "alias": "x", "baddbmm": "x + a @ b", "block_diag": "pad, +",
    "channel_shuffle": "reshape, swapaxes", "chunk": "array_split", "clamp_max": "minimum", "clamp_min": "maximum",
    "clone": "copy", "col2im": "fold", "im2col": "unfold", "constant_pad_nd": "pad", "conv_depthwise3d": "conv",
    "convolution_overrideable": "conv", "diagonal_scatter": "x[key] = v", "dist": "norm(x - y)", "eq": "x == y",
    "fill": "full", "ge": "x >= y", "gt": "x > y", "le": "x <= y", "lt": "x < y", "ne": "x != y",
    "huber_loss": "huber_loss", "index_fill": "x[key] = v", "linalg.cross": "cross", "linalg.matrix_exp": "linalg.expm",
    "linear": "x @ w + b", "log_sigmoid_forward": "log_sigmoid", "masked_scatter": "x[mask] = v",
    "pixel_shuffle": "reshape, transpose", "pixel_unshuffle": "reshape, transpose", "put": "x[key] = v",
    "reflection_pad1d": "pad(mode='reflect')", "reflection_pad2d": "pad(mode='reflect')",
    "reflection_pad3d": "pad(mode='reflect')", "replication_pad1d": "pad(mode='edge')",
    "replication_pad2d": "pad(mode='edge')", "replication_pad3d": "pad(mode='edge')", "rsub": "y - x",
    "scatter": "x[key] = v", "select": "x[i]", "select_scatter": "x[key] = v", "sgn": "sign", "slice": "x[a:b]",
    "slice_scatter": "x[a:b] = v", "slow_conv3d_forward": "conv", "slow_conv_dilated2d": "conv",
    "slow_conv_dilated3d": "conv", "slow_conv_transpose2d": "conv_transpose", "slow_conv_transpose3d": "conv_transpose",
    "split_with_sizes": "split", "unsafe_split": "split", "unsafe_split_with_sizes": "split", "std_mean": "std, mean",
    "var_mean": "var, mean", "aminmax": "min, max", "triangular_solve": "linalg.solve_triangular", "unbind": "unstack",
    "view": "reshape", "nll_loss2d_forward": "negative_log_likelihood", "polar": "r cos, r sin", "zero": "x * 0",
    "isnan": "numpy.isnan", "nonzero": "numpy.nonzero", "all": "numpy.all", "any": "numpy.any",
    "count_nonzero": "numpy.count_nonzero", "kthvalue": "partition", "nn.embedding": "embedding",
    "linalg.householder_product": "", "special.modified_bessel_i0": "special.i0", "special.modified_bessel_i1":
    "special.i1", "special.modified_bessel_k0": "special.k0", "special.modified_bessel_k1": "special.k1",
    "special.bessel_j0": "special.j0", "special.bessel_j1": "special.j1", "special.bessel_y0": "special.y0",
    "special.bessel_y1": "special.y1", "special.xlog1py": "special.xlog1py", "index_reduce": "", "xlogy": "xlogy",
}  # fmt: skip
"""Names that exist under another name here, or as an operator; an empty string: not covered after all."""

OUT_OF_SCOPE = ("stats.",)
"""Left out of the count: autograd's wrappers of scipy.stats."""


@attrs.frozen
class Row:
    """A name of the union, who has it, and what minigrad has for it ("" for nothing)."""

    name: str
    libraries: tuple[str, ...]
    here: str

    @property
    def covered(self) -> bool:
        """Whether minigrad has it."""
        return bool(self.here)


def _public() -> dict[str, str]:
    found = {name: name for name in mg.__all__}
    for room in ("linalg", "fft"):
        found |= {f"{room}.{n}": f"{room}.{n}" for n in import_module(f"minigrad.{room}").__all__}
    if find_spec("minigrad_special") is not None:
        found |= {f"special.{n}": f"special.{n}" for n in import_module("minigrad_special").__all__}
    return found


def rows(union: Path) -> list[Row]:
    """All names of the union file but those out of scope."""
    public = _public()
    found = []
    for line in union.read_text().splitlines():
        name, _, libraries = line.partition("\t")
        if not name.startswith(OUT_OF_SCOPE):
            here = OTHERWISE.get(name) or public.get(name) or public.get(name.removeprefix("nn.")) or ""
            found.append(Row(name, tuple(libraries.split(",")), here))
    return found


def table(found: list[Row]) -> str:
    """Markdown: counts for each library, the union of MyGrad and autograd, then what is missing."""
    lines = ["| library | operators | covered | missing |", "|---|---|---|---|"]
    groups = {lib: [r for r in found if lib in r.libraries] for lib in LIBRARIES}
    groups["mygrad or autograd"] = [r for r in found if {"mygrad", "autograd"} & set(r.libraries)]
    for title, members in groups.items():
        missing = [r.name for r in members if not r.covered]
        shown = ", ".join(missing) or "none"
        lines.append(f"| {title} | {len(members)} | {len(members) - len(missing)} | {shown} |")
    return "\n".join(lines)


def every_name(found: list[Row]) -> str:
    """Markdown: one row for each name, who has it, and what it is here."""
    lines = ["| name | MyGrad | autograd | PyTorch | minigrad |", "|---|---|---|---|---|"]
    for r in found:
        marks = " | ".join("x" if lib in r.libraries else "" for lib in LIBRARIES)
        lines.append(f"| `{r.name}` | {marks} | {f'`{r.here}`' if r.here else ''} |")
    return "\n".join(lines)


def filled(text: str, found: list[Row]) -> str:
    """`text` with both tables between their marks."""
    for mark, lines in (("coverage", table(found)), ("names", every_name(found))):
        before, start, rest = text.partition(f"<!-- {mark} -->\n")
        _, end, after = rest.partition(f"<!-- end of {mark} -->")
        text = f"{before}{start}{lines}\n{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(), rows(UNION)))
