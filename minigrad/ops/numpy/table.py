"""Which function of minigrad answers for which of NumPy's.

With NumPy's parameters in their order.

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
    "sum": (f"{_REDUCE} initial where", "ops.reduction.nan_reductions:sum"),
    "prod": (f"{_REDUCE} initial where", "ops.reduction.nan_reductions:prod"),
    "mean": (f"{_REDUCE} where", "ops.reduction.nan_reductions:mean"),
    "max": ("a | axis out keepdims initial where", "ops.reduction.nan_reductions:max"),
    "min": ("a | axis out keepdims initial where", "ops.reduction.nan_reductions:min"),
    "var": ("a | axis dtype out ddof keepdims where mean correction", "ops.reduction.nan_reductions:var"),
    "std": ("a | axis dtype out ddof keepdims where mean correction", "ops.reduction.nan_reductions:std"),
    "ptp": ("a | axis out keepdims", "ops.reduction.nan_reductions:ptp"),
    "average": ("a | axis weights returned keepdims", "ops.reduction.nan_reductions:average"),
    "median": ("a | axis out overwrite_input keepdims", "ops.statistics.quantiles:median"),
    "quantile": ("a | q axis out overwrite_input method keepdims weights", "ops.statistics.quantiles:quantile"),
    "percentile": ("a | q axis out overwrite_input method keepdims weights", "ops.statistics.quantiles:percentile"),
    "nanmedian": ("a | axis out overwrite_input keepdims", "ops.statistics.quantiles:nanmedian"),
    "nanquantile": ("a | q axis out overwrite_input method keepdims weights", "ops.statistics.quantiles:nanquantile"),
    "nanpercentile": (
        "a | q axis out overwrite_input method keepdims weights", "ops.statistics.quantiles:nanpercentile"),
    "bincount": ("x | weights minlength", "ops.statistics.histograms:bincount"),
    "histogram": ("a | bins range density weights", "ops.statistics.histograms:histogram"),
    "histogram_bin_edges": ("a | bins range weights", "ops.statistics.histograms:histogram_bin_edges"),
    "histogram2d": ("x y | bins range density weights", "ops.statistics.histograms:histogram2d"),
    "histogramdd": ("sample | bins range density weights", "ops.statistics.histograms:histogramdd"),
    "cov": ("m y | rowvar bias ddof fweights aweights", "ops.statistics.covariance:cov"),
    "corrcoef": ("x y | rowvar", "ops.statistics.covariance:corrcoef"),
    "interp": ("x xp fp | left right period", "ops.statistics.interpolation:interp"),
    "unwrap": ("p | discont axis period", "ops.statistics.interpolation:unwrap"),
    "piecewise": ("x condlist funclist *args", "ops.statistics.interpolation:piecewise"),
    "unique": ("ar | return_index return_inverse return_counts axis equal_nan sorted", "ops.statistics.sets:unique"),
    "unique_all": ("x", "ops.statistics.sets:unique_all"),
    "unique_counts": ("x", "ops.statistics.sets:unique_counts"),
    "unique_inverse": ("x", "ops.statistics.sets:unique_inverse"),
    "unique_values": ("x", "ops.statistics.sets:unique_values"),
    "union1d": ("ar1 ar2", "ops.statistics.sets:union1d"),
    "intersect1d": ("ar1 ar2 | assume_unique return_indices", "ops.statistics.sets:intersect1d"),
    "setdiff1d": ("ar1 ar2 | assume_unique", "ops.statistics.sets:setdiff1d"),
    "setxor1d": ("ar1 ar2 | assume_unique", "ops.statistics.sets:setxor1d"),
    "nansum": (_REDUCE, "ops.reduction.nan_reductions:nansum"),
    "nanmean": (_REDUCE, "ops.reduction.nan_reductions:nanmean"),
    "nanprod": (_REDUCE, "ops.reduction.nan_reductions:nanprod"),
    "nanmax": ("a | axis out keepdims", "ops.reduction.nan_reductions:nanmax"),
    "nanmin": ("a | axis out keepdims", "ops.reduction.nan_reductions:nanmin"),
    "nanvar": ("a | axis dtype out ddof keepdims", "ops.reduction.nan_reductions:nanvar"),
    "nanstd": ("a | axis dtype out ddof keepdims", "ops.reduction.nan_reductions:nanstd"),
    "trace": ("a | offset axis1 axis2 dtype out", "ops.arrangement.manipulation:trace"),
    # Scans
    "cumsum": ("a | axis dtype out", "ops.reduction.cumulative:cumsum"),
    "cumprod": ("a | axis dtype out", "ops.reduction.cumulative:cumprod"),
    "nancumsum": ("a | axis dtype out", "ops.reduction.sequences:nancumsum"),
    "nancumprod": ("a | axis dtype out", "ops.reduction.sequences:nancumprod"),
    "cumulative_sum": ("x | axis dtype out include_initial", "ops.reduction.sequences:cumulative_sum"),
    "cumulative_prod": ("x | axis dtype out include_initial", "ops.reduction.sequences:cumulative_prod"),
    "diff": ("a | n axis prepend append", "ops.reduction.sequences:diff_joined"),
    "ediff1d": ("ary | to_end to_begin", "ops.reduction.sequences:ediff1d_joined"),
    "gradient": ("f *spacing | axis edge_order", "ops.arrangement.spacing:gradient_on_grid"),
    "trapezoid": ("y x | dx axis", "ops.reduction.cumulative:trapezoid"),
    # Shape
    "reshape": ("a shape | order copy", "ops.arrangement.placement:reshape_in_order"),
    "ravel": ("a | order", "ops.arrangement.placement:ravel_in_order"),
    "transpose": ("a | axes", "ops.functions:transpose"),
    "matrix_transpose": ("x", "ops.shape:matrix_transpose"),
    "swapaxes": ("a axis1 axis2", "ops.functions:swapaxes"),
    "moveaxis": ("a source destination", "ops.functions:moveaxis"),
    "rollaxis": ("a axis | start", "ops.arrangement.manipulation:rollaxis"),
    "broadcast_to": ("array shape | subok", "ops.functions:broadcast_to"),
    "broadcast_arrays": ("*args | subok", "ops.arrangement.manipulation:broadcast_arrays"),
    "expand_dims": ("a axis", "ops.functions:expand_dims"),
    "squeeze": ("a | axis", "ops.functions:squeeze"),
    "concatenate": ("arrays | axis out dtype casting", "ops.functions:concatenate"),
    "stack": ("arrays | axis out dtype casting", "ops.arrangement.split_join:stack"),
    "hstack": ("tup | dtype casting", "ops.arrangement.split_join:hstack"),
    "vstack": ("tup | dtype casting", "ops.arrangement.split_join:vstack"),
    "dstack": ("tup", "ops.arrangement.split_join:dstack"),
    "column_stack": ("tup", "ops.arrangement.split_join:column_stack"),
    "insert": ("arr obj values | axis", "ops.arrangement.placement:insert"),
    "resize": ("a new_shape", "ops.arrangement.placement:resize"),
    "trim_zeros": ("filt | trim axis", "ops.arrangement.placement:trim_zeros"),
    "ix_": ("*args", "ops.arrangement.placement:ix_"),
    "full_like": ("a fill_value | dtype order subok shape device", "ops.arrangement.placement:full_like"),
    "meshgrid": ("*xi | copy sparse indexing", "ops.arrangement.placement:meshgrid"),
    "block": ("blocks", "ops.arrangement.placement:block"),
    "append": ("arr values | axis", "ops.arrangement.split_join:append"),
    "atleast_1d": ("*arys", "ops.arrangement.split_join:atleast_1d"),
    "atleast_2d": ("*arys", "ops.arrangement.split_join:atleast_2d"),
    "atleast_3d": ("*arys", "ops.arrangement.split_join:atleast_3d"),
    "split": ("ary indices_or_sections | axis", "ops.arrangement.split_join:split"),
    "array_split": ("ary indices_or_sections | axis", "ops.arrangement.split_join:array_split"),
    "hsplit": ("ary indices_or_sections", "ops.arrangement.split_join:hsplit"),
    "vsplit": ("ary indices_or_sections", "ops.arrangement.split_join:vsplit"),
    "dsplit": ("ary indices_or_sections", "ops.arrangement.split_join:dsplit"),
    "unstack": ("x | axis", "ops.arrangement.split_join:unstack"),
    "flip": ("m | axis", "ops.functions:flip"),
    "fliplr": ("m", "ops.arrangement.manipulation:fliplr"),
    "flipud": ("m", "ops.arrangement.manipulation:flipud"),
    "rot90": ("m | k axes", "ops.arrangement.manipulation:rot90"),
    "roll": ("a shift | axis", "ops.arrangement.manipulation:roll"),
    "repeat": ("a repeats | axis", "ops.arrangement.manipulation:repeat"),
    "tile": ("A reps", "ops.arrangement.manipulation:tile"),
    "pad": (
        "array pad_width | mode constant_values end_values stat_length reflect_type",
        "ops.statistics.padding:pad_in_mode",
    ),
    "diag": ("v | k", "ops.arrangement.manipulation:diag"),
    "diagflat": ("v | k", "ops.arrangement.manipulation:diagflat"),
    "diagonal": ("a | offset axis1 axis2", "ops.arrangement.manipulation:diagonal"),
    "triu": ("m | k", "ops.arrangement.manipulation:triu"),
    "tril": ("m | k", "ops.arrangement.manipulation:tril"),
    "linspace": ("start stop | num endpoint retstep dtype axis", "ops.arrangement.spacing:linspace_along"),
    "logspace": ("start stop | num endpoint base dtype axis", "ops.arrangement.spacing:logspace"),
    "geomspace": ("start stop | num endpoint dtype axis", "ops.arrangement.spacing:geomspace"),
    "copy": ("a | order subok", "ops.arrangement.manipulation:copy"),
    "astype": ("x dtype | copy", "ops.arrangement.manipulation:astype"),
    # Picking and sorting
    "where": ("condition x y", "ops.arrangement.gather:where_or_nonzero"),
    "select": ("condlist choicelist | default", "ops.arrangement.gather:select"),
    "take": ("a indices | axis out mode", "ops.arrangement.placement:take_in_mode"),
    "choose": ("a choices | out mode", "ops.arrangement.placement:choose"),
    "apply_along_axis": ("func1d axis arr", "ops.arrangement.slices:apply_along_axis"),
    "apply_over_axes": ("func a axes", "ops.arrangement.slices:apply_over_axes"),
    "take_along_axis": ("arr indices | axis", "ops.arrangement.gather:take_along_axis"),
    "sort": ("a | axis kind order stable", "ops.reduction.sort:sort"),
    "partition": ("a kth | axis kind order", "ops.reduction.sort:partition"),
    "extract": ("condition arr", "ops.arrangement.gather:extract"),
    "compress": ("condition a | axis out", "ops.arrangement.gather:compress"),
    "delete": ("arr obj | axis", "ops.arrangement.gather:delete"),
    # Products
    "dot": ("a b", "ops.contraction.einsum:dot"),
    "inner": ("a b", "ops.contraction.einsum:inner"),
    "outer": ("a b", "ops.contraction.einsum:outer"),
    "vdot": ("a b", "ops.contraction.einsum:vdot"),
    "tensordot": ("a b | axes", "ops.contraction.einsum:tensordot"),
    "einsum": ("*arguments | optimize dtype out order casting", "ops.contraction.einsum:einsum_by_lists"),
    "kron": ("a b", "ops.contraction.einsum:kron"),
    "cross": ("a b | axisa axisb axisc axis", "ops.contraction.einsum:cross"),
    "correlate": ("a v | mode", "ops.network.correlate:correlate"),
    "convolve": ("a v | mode", "ops.network.convolution:convolve1d"),
    # Elementwise functions that are no ufuncs
    "clip": ("a a_min a_max | out dtype min max", "ops.reduction.nan_reductions:clip"),
    "polyval": ("p x", "ops.polynomials:polyval"),
    "polyadd": ("a1 a2", "ops.polynomials:polyadd"),
    "polysub": ("a1 a2", "ops.polynomials:polysub"),
    "polymul": ("a1 a2", "ops.polynomials:polymul_shortened"),
    "polyder": ("p | m", "ops.polynomials:polyder"),
    "polyint": ("p | m k", "ops.polynomials:polyint"),
    "polyfit": ("x y deg | rcond full w cov", "linalg:polyfit"),
    "poly": ("seq_of_zeros", "ops.polynomials:poly"),
    "vander": ("x | N increasing", "ops.polynomials:vander"),
    "sinc": ("x", "ops.elementwise.elementwise_extra:sinc"),
    "nan_to_num": ("x | copy nan posinf neginf", "ops.elementwise.elementwise_extra:nan_to_num"),
    "real": ("val", "ops.elementwise.elementwise_extra:real_part"),
    "imag": ("val", "ops.elementwise.elementwise_extra:imag_part"),
    "angle": ("z | deg", "ops.elementwise.parts:angle_of"),
    "real_if_close": ("a | tol", "ops.elementwise.elementwise_extra:real_part"),
    "fix": ("x | out", "ops.elementwise.piecewise_constant:trunc"),
    "round": ("a | decimals out", "ops.reduction.nan_reductions:round"),
    "around": ("a | decimals out", "ops.reduction.nan_reductions:round"),
}

UFUNCS: Table = {
    "positive": ("x", "ops.functions:positive"),
    "conjugate": ("x", "ops.functions:positive"),
    "fabs": ("x", "ops.elementwise.piecewise_linear:absolute"),
    "float_power": ("x y", "ops.elementwise.elementwise_extra:float_power"),
    "vecdot": ("a b | axis", "ops.contraction.einsum:vecdot"),
    "matvec": ("a x", "ops.contraction.einsum:matvec"),
    "vecmat": ("x a", "ops.contraction.einsum:vecmat"),
    "heaviside": ("x y", "ops.elementwise.parts:heaviside"),
    "modf": ("x", "ops.elementwise.parts:modf"),
    "frexp": ("x", "ops.elementwise.parts:frexp"),
    "ldexp": ("x exponents", "ops.elementwise.parts:ldexp"),
    **{
        name: ("x", f"ops.elementwise.trigonometric:{name}")
        for name in ("tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "deg2rad",
                     "rad2deg")
    },
    "radians": ("x", "ops.elementwise.trigonometric:deg2rad"),
    "degrees": ("x", "ops.elementwise.trigonometric:rad2deg"),
    "floor_divide": ("x y", "ops.elementwise.elementwise_extra:floor_divide"),
    "divmod": ("x y", "ops.elementwise.elementwise_extra:divmod"),
    "hypot": ("x y", "ops.elementwise.trigonometric:hypot"),
    "arctan2": ("x y", "ops.elementwise.trigonometric:arctan2"),
    **{name: ("x", f"ops.elementwise.elementwise_extra:{name}") for name in ("exp2", "log2", "log10", "cbrt")},
    **{
        name: ("x y", f"ops.elementwise.elementwise_extra:{name}")
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
    "multi_dot": ("arrays | out", "ops.contraction.einsum:multi_dot"),
    "tensorsolve": ("a b | axes", "linalg:tensorsolve"),
    "tensorinv": ("a | ind", "linalg:tensorinv"),
    "trace": ("x | offset", "linalg:trace"),
    "diagonal": ("x | offset", "linalg:diagonal"),
    "cross": ("x1 x2 | axis", "ops.contraction.einsum:cross"),
    "outer": ("x1 x2", "ops.contraction.einsum:outer"),
    "matmul": ("x1 x2", "ops.contraction.matmul:matmul"),
    "matrix_transpose": ("x", "ops.shape:matrix_transpose"),
    "tensordot": ("x1 x2 | axes", "ops.contraction.einsum:tensordot"),
    "vecdot": ("x1 x2 | axis", "ops.contraction.einsum:vecdot"),
}

STRIDES: Table = {
    "sliding_window_view": ("x window_shape | axis subok writeable", "ops.network.windows:sliding_window_view"),
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
