"""The Python array API standard over Tensors: `x.__array_namespace__()`.

Functions of floats are minigrad's and carry gradients; those of whole numbers and truth values are NumPy's and give
constant Tensors. What is not claimed: complex dtypes, and with them the extension `fft` (`minigrad.fft` has transforms
of pairs of real Tensors) and eigenvalues of matrices that are not symmetric. Beside the standard, since xarray asks for
them, there are NumPy's `einsum`, `pad` and `transpose`.
"""

from minigrad import lazy
from minigrad.array_api.info import namespace_info as __array_namespace_info__  # noqa: F401

_PUBLIC = {
    "": "linalg",
    "constants": "e inf nan pi",
    "beyond": "einsum pad transpose",
    "creation": """arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril
        triu zeros zeros_like""",
    "dtypes": """astype bool can_cast finfo float32 float64 iinfo int16 int32 int64 int8 isdtype result_type uint16
        uint32 uint64 uint8""",
    "elementwise": """abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_invert bitwise_left_shift
        bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1
        floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal log log10
        log1p log2 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply
        negative nextafter not_equal positive pow real reciprocal remainder round sign signbit sin sinh sqrt
        square subtract tan tanh trunc""",
    "manipulation": """broadcast_arrays broadcast_shapes broadcast_to concat expand_dims flip moveaxis permute_dims
        repeat reshape roll squeeze stack take take_along_axis tile unstack""",
    "linalg": "matmul matrix_transpose tensordot vecdot",
    "reductions": "all any cumulative_prod cumulative_sum diff max mean min prod std sum var",
    "searching": """argmax argmin argsort count_nonzero isin nonzero searchsorted sort unique_all unique_counts
        unique_inverse unique_values where""",
}

__array_api_version__ = "2024.12"
newaxis = None

__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC)
