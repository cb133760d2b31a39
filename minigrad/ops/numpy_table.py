"""Which function of minigrad answers for which of NumPy's, and NumPy's parameters in their order.

A row is `name: (parameters, module:function)`. Parameters before the bar are arrays and go by position, those behind it
go by keyword under NumPy's name; what minigrad's function does not know must have its neutral value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Table: TypeAlias = Mapping[str, tuple[str, str]]

_REDUCE = "a | axis dtype out keepdims"

# fmt: off
NUMPY: Table = {
    # Reductions
    "sum": (f"{_REDUCE} initial where", "ops.masked:sum"),
    "prod": (f"{_REDUCE} initial where", "ops.masked:prod"),
    "mean": (f"{_REDUCE} where", "ops.masked:mean"),
    "max": ("a | axis out keepdims initial where", "ops.masked:max"),
    "min": ("a | axis out keepdims initial where", "ops.masked:min"),
    "var": ("a | axis dtype out ddof keepdims where mean correction", "ops.masked:var"),
    "std": ("a | axis dtype out ddof keepdims where mean correction", "ops.masked:std"),
    "ptp": ("a | axis out keepdims", "ops.masked:ptp"),
    "average": ("a | axis weights returned keepdims", "ops.masked:average"),
    "median": ("a | axis out overwrite_input keepdims", "ops.sort:median"),
    "quantile": ("a q | axis out overwrite_input method keepdims weights", "ops.sort:quantile"),
    "nansum": (_REDUCE, "ops.masked:nansum"),
    "nanmean": (_REDUCE, "ops.masked:nanmean"),
    "nanprod": (_REDUCE, "ops.masked:nanprod"),
    "nanmax": ("a | axis out keepdims", "ops.masked:nanmax"),
    "nanmin": ("a | axis out keepdims", "ops.masked:nanmin"),
    "nanvar": ("a | axis dtype out ddof keepdims", "ops.masked:nanvar"),
    "nanstd": ("a | axis dtype out ddof keepdims", "ops.masked:nanstd"),
    "trace": ("a | offset axis1 axis2 dtype out", "ops.arrange:trace"),
    # Scans
    "cumsum": ("a | axis dtype out", "ops.scan:cumsum"),
    "cumprod": ("a | axis dtype out", "ops.scan:cumprod"),
    "diff": ("a | n axis", "ops.scan:diff"),
    "ediff1d": ("ary", "ops.scan:ediff1d"),
    "gradient": ("f | spacing axis", "ops.arrange:gradient"),
    "trapezoid": ("y x | dx axis", "ops.scan:trapezoid"),
    # Shape
    "reshape": ("a shape | order", "ops.functions:reshape"),
    "ravel": ("a | order", "ops.functions:ravel"),
    "transpose": ("a | axes", "ops.functions:transpose"),
    "matrix_transpose": ("x", "ops.shape:matrix_transpose"),
    "swapaxes": ("a axis1 axis2", "ops.functions:swapaxes"),
    "moveaxis": ("a source destination", "ops.functions:moveaxis"),
    "rollaxis": ("a axis | start", "ops.arrange:rollaxis"),
    "broadcast_to": ("array shape | subok", "ops.functions:broadcast_to"),
    "broadcast_arrays": ("*args | subok", "ops.arrange:broadcast_arrays"),
    "expand_dims": ("a axis", "ops.functions:expand_dims"),
    "squeeze": ("a | axis", "ops.functions:squeeze"),
    "concatenate": ("arrays | axis out dtype casting", "ops.functions:concatenate"),
    "stack": ("arrays | axis out dtype casting", "ops.pieces:stack"),
    "hstack": ("tup | dtype casting", "ops.pieces:hstack"),
    "vstack": ("tup | dtype casting", "ops.pieces:vstack"),
    "dstack": ("tup", "ops.pieces:dstack"),
    "column_stack": ("tup", "ops.pieces:column_stack"),
    "append": ("arr values | axis", "ops.pieces:append"),
    "atleast_1d": ("a", "ops.pieces:atleast_1d"),
    "atleast_2d": ("a", "ops.pieces:atleast_2d"),
    "atleast_3d": ("a", "ops.pieces:atleast_3d"),
    "split": ("ary indices_or_sections | axis", "ops.pieces:split"),
    "array_split": ("ary indices_or_sections | axis", "ops.pieces:array_split"),
    "hsplit": ("ary indices_or_sections", "ops.pieces:hsplit"),
    "vsplit": ("ary indices_or_sections", "ops.pieces:vsplit"),
    "dsplit": ("ary indices_or_sections", "ops.pieces:dsplit"),
    "unstack": ("x | axis", "ops.pieces:unstack"),
    "flip": ("m | axis", "ops.functions:flip"),
    "fliplr": ("m", "ops.arrange:fliplr"),
    "flipud": ("m", "ops.arrange:flipud"),
    "rot90": ("m | k axes", "ops.arrange:rot90"),
    "roll": ("a shift | axis", "ops.arrange:roll"),
    "repeat": ("a repeats | axis", "ops.arrange:repeat"),
    "tile": ("A reps", "ops.arrange:tile"),
    "pad": ("array pad_width | mode constant_values", "ops.arrange:pad"),
    "diag": ("v | k", "ops.arrange:diag"),
    "diagflat": ("v | k", "ops.arrange:diagflat"),
    "diagonal": ("a | offset axis1 axis2", "ops.arrange:diagonal"),
    "triu": ("m | k", "ops.arrange:triu"),
    "tril": ("m | k", "ops.arrange:tril"),
    "linspace": ("start stop | num endpoint", "ops.arrange:linspace"),
    "copy": ("a | order subok", "ops.arrange:copy"),
    "astype": ("x dtype | copy", "ops.arrange:astype"),
    # Picking and sorting
    "where": ("condition x y", "ops.gather:chosen"),
    "select": ("condlist choicelist | default", "ops.gather:select"),
    "take": ("a indices | axis out mode", "ops.gather:take"),
    "take_along_axis": ("arr indices | axis", "ops.gather:take_along_axis"),
    "sort": ("a | axis kind order stable", "ops.sort:sort"),
    "partition": ("a kth | axis kind order", "ops.sort:partition"),
    "extract": ("condition arr", "ops.gather:extract"),
    "compress": ("condition a | axis out", "ops.gather:compress"),
    "delete": ("arr obj | axis", "ops.gather:delete"),
    # Products
    "dot": ("a b", "ops.einsum:dot"),
    "inner": ("a b", "ops.einsum:inner"),
    "outer": ("a b", "ops.einsum:outer"),
    "vdot": ("a b", "ops.einsum:vdot"),
    "tensordot": ("a b | axes", "ops.einsum:tensordot"),
    "einsum": ("*arguments | optimize dtype out order casting", "ops.einsum:einsum_by_lists"),
    "kron": ("a b", "ops.einsum:kron"),
    "cross": ("a b | axisa axisb axisc axis", "ops.einsum:cross"),
    "convolve": ("a v | mode", "ops.convolution:convolve1d"),
    # Elementwise functions that are no ufuncs
    "clip": ("a a_min a_max | out dtype min max", "ops.masked:clip"),
    "sinc": ("x", "ops.numeric:sinc"),
    "nan_to_num": ("x | copy nan posinf neginf", "ops.numeric:nan_to_num"),
    "real": ("val", "ops.numeric:real_part"),
    "imag": ("val", "ops.numeric:imag_part"),
    "angle": ("z | deg", "ops.numeric:angle"),
    "real_if_close": ("a | tol", "ops.numeric:real_part"),
    "fix": ("x | out", "ops.constant:trunc"),
    "round": ("a | decimals out", "ops.masked:round"),
    "around": ("a | decimals out", "ops.masked:round"),
}

UFUNCS: Table = {
    "positive": ("x", "ops.functions:positive"),
    "conjugate": ("x", "ops.functions:positive"),
    "fabs": ("x", "ops.kinked:absolute"),
    "float_power": ("x y", "ops.numeric:float_power"),
    "vecdot": ("a b | axis", "ops.einsum:vecdot"),
    "matvec": ("a x", "ops.einsum:matvec"),
    **{
        name: ("x", f"ops.trigonometric:{name}")
        for name in ("tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "deg2rad",
                     "rad2deg")
    },
    "radians": ("x", "ops.trigonometric:deg2rad"),
    "degrees": ("x", "ops.trigonometric:rad2deg"),
    "floor_divide": ("x y", "ops.numeric:floor_divide"),
    "divmod": ("x y", "ops.numeric:divmod"),
    "hypot": ("x y", "ops.trigonometric:hypot"),
    "arctan2": ("x y", "ops.trigonometric:arctan2"),
    **{name: ("x", f"ops.numeric:{name}") for name in ("exp2", "log2", "log10", "cbrt")},
    **{
        name: ("x y", f"ops.numeric:{name}")
        for name in ("logaddexp", "logaddexp2", "fmax", "fmin", "mod", "fmod", "copysign")
    },
}

LINEAR_ALGEBRA: Table = {
    **{name: ("a", f"linalg:{name}") for name in ("inv", "det", "slogdet", "eig", "eigvals", "cond")},
    "cholesky": ("a | upper", "linalg:cholesky"),
    "solve": ("a b", "linalg:solve"),
    "qr": ("a | mode", "linalg:qr"),
    "eigh": ("a | UPLO", "linalg:eigh"),
    "eigvalsh": ("a | UPLO", "linalg:eigvalsh"),
    "svd": ("a | full_matrices compute_uv hermitian", "linalg:svd"),
    "svdvals": ("x", "linalg:svdvals"),
    "pinv": ("a | rcond hermitian rtol", "linalg:pinv"),
    "norm": ("x | ord axis keepdims", "linalg:norm"),
    "vector_norm": ("x | axis keepdims ord", "linalg:vector_norm"),
    "matrix_norm": ("x | keepdims ord", "linalg:matrix_norm"),
    "lstsq": ("a b | rcond", "linalg:lstsq"),
    "matrix_power": ("a n", "linalg:matrix_power"),
    "multi_dot": ("arrays | out", "ops.einsum:multi_dot"),
    "tensorsolve": ("a b | axes", "linalg:tensorsolve"),
    "tensorinv": ("a | ind", "linalg:tensorinv"),
    "trace": ("x | offset", "linalg:trace"),
    "diagonal": ("x | offset", "linalg:diagonal"),
    "cross": ("x1 x2 | axis", "ops.einsum:cross"),
    "outer": ("x1 x2", "ops.einsum:outer"),
    "matmul": ("x1 x2", "ops.contract:matmul"),
    "matrix_transpose": ("x", "ops.shape:matrix_transpose"),
    "tensordot": ("x1 x2 | axes", "ops.einsum:tensordot"),
    "vecdot": ("x1 x2 | axis", "ops.einsum:vecdot"),
}

SPECTRA: Table = {
    **{name: ("a | n axis norm out", f"fft:{name}") for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
    **{
        name: ("a | s axes norm out", f"fft:{name}")
        for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
    },
    "fftshift": ("x | axes", "fft:fftshift"),
    "ifftshift": ("x | axes", "fft:ifftshift"),
}
# fmt: on
