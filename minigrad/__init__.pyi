"""The public names of minigrad, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad import (
    array_api as array_api, calculus as calculus, checkpoint as checkpoint, core as core, data as data, fft as fft,
    linalg as linalg, nn as nn, ops as ops, optim as optim, program as program, train as train,
    transforms as transforms, verify as verify,
)
from minigrad.core import (
    GradientError as GradientError, GradientMismatch as GradientMismatch, InconclusiveCheck as InconclusiveCheck,
    InvalidRule as InvalidRule, MinigradError as MinigradError, Op as Op, OpError as OpError,
    RegistrationError as RegistrationError, ShapeError as ShapeError, StaleGraphError as StaleGraphError,
    Tensor as Tensor, UnregisteredOp as UnregisteredOp, UnsupportedFunction as UnsupportedFunction, tensor as tensor,
)
from minigrad.ops.arrangement.gather import (
    compress as compress, delete as delete, embedding as embedding, extract as extract, gather as gather,
    index_add as index_add, index_select as index_select, masked_fill as masked_fill, masked_select as masked_select,
    scatter_add as scatter_add, take as take, take_along_axis as take_along_axis,
)
from minigrad.ops.arrangement.manipulation import (
    astype as astype, broadcast_arrays as broadcast_arrays, copy as copy, diag as diag, diag_embed as diag_embed,
    diagflat as diagflat, diagonal as diagonal, fliplr as fliplr, flipud as flipud, full as full, gradient as gradient,
    linspace as linspace, pad as pad, repeat as repeat, roll as roll, rollaxis as rollaxis, rot90 as rot90,
    tile as tile, trace as trace, tril as tril, triu as triu,
)
from minigrad.ops.arrangement.placement import (
    block as block, block_diag as block_diag, choose as choose, insert as insert, meshgrid as meshgrid,
    put_along_axis as put_along_axis, resize as resize, trim_zeros as trim_zeros,
)
from minigrad.ops.arrangement.slices import apply_along_axis as apply_along_axis, apply_over_axes as apply_over_axes
from minigrad.ops.arrangement.spacing import geomspace as geomspace, logspace as logspace
from minigrad.ops.arrangement.split_join import (
    append as append, array_split as array_split, atleast_1d as atleast_1d, atleast_2d as atleast_2d,
    atleast_3d as atleast_3d, column_stack as column_stack, dsplit as dsplit, dstack as dstack, hsplit as hsplit,
    hstack as hstack, split as split, stack as stack, unstack as unstack, vsplit as vsplit, vstack as vstack,
)
from minigrad.ops.contraction.einsum import (
    add_sequence as add_sequence, cross as cross, dot as dot, einsum as einsum, inner as inner, kron as kron,
    matvec as matvec, multi_dot as multi_dot, multi_matmul as multi_matmul, multiply_sequence as multiply_sequence,
    outer as outer, tensordot as tensordot, vdot as vdot, vecdot as vecdot, vecmat as vecmat,
)
from minigrad.ops.contraction.matmul import matmul as matmul
from minigrad.ops.elementwise.arithmetic import (
    add as add, divide as divide, integer_power as integer_power, multiply as multiply, negative as negative,
    ratio as ratio, reciprocal as reciprocal, square as square, subtract as subtract, where as where,
)
from minigrad.ops.elementwise.elementwise_extra import (
    angle as angle, cbrt as cbrt, copysign as copysign, exp2 as exp2, fabs as fabs, float_power as float_power,
    fmax as fmax, fmin as fmin, fmod as fmod, frac as frac, imag_part as _imag_part, lerp as lerp, log10 as log10,
    log2 as log2, logaddexp as logaddexp, logaddexp2 as logaddexp2, mod as mod, nan_to_num as nan_to_num,
    real_part as real_part, remainder as remainder, rsqrt as rsqrt, sinc as sinc,
)
from minigrad.ops.elementwise.gaussian import (
    erf as erf, erfc as erfc, normal_cdf as normal_cdf, normal_pdf as normal_pdf,
)
from minigrad.ops.elementwise.parts import heaviside as heaviside, ldexp as ldexp, modf as modf
from minigrad.ops.elementwise.piecewise_constant import (
    ceil as ceil, equal as equal, floor as floor, greater as greater, prefer as prefer, rint as rint, sign as sign,
    trunc as trunc,
)
from minigrad.ops.elementwise.piecewise_linear import (
    absolute as _absolute, absolute as absolute, maximum as maximum, minimum as minimum, relu as relu,
)
from minigrad.ops.elementwise.transcendental import (
    cos as cos, exp as exp, expm1 as expm1, log as log, log1p as log1p, power as power, sigmoid as sigmoid, sin as sin,
    softplus as softplus, sqrt as sqrt, tanh as tanh,
)
from minigrad.ops.elementwise.trigonometric import (
    arccos as arccos, arccosh as arccosh, arccot as arccot, arccoth as arccoth, arccsc as arccsc, arccsch as arccsch,
    arcsec as arcsec, arcsin as arcsin, arcsinh as arcsinh, arctan as arctan, arctan2 as arctan2, arctanh as arctanh,
    cosh as cosh, cot as cot, coth as coth, csc as csc, csch as csch, deg2rad as deg2rad, hypot as hypot,
    rad2deg as rad2deg, sec as sec, sech as sech, sinh as sinh, tan as tan,
)
from minigrad.ops.functions import (
    broadcast_to as broadcast_to, clip as clip, concatenate as concatenate, expand_dims as expand_dims,
    flatten as flatten, flip as flip, log_sigmoid as log_sigmoid, log_softmax as log_softmax, logsumexp as logsumexp,
    max as max, mean as mean, min as min, moveaxis as moveaxis, norm as norm, ravel as ravel, reshape as reshape,
    softmax as softmax, squeeze as squeeze, sum as sum, swapaxes as swapaxes, transpose as transpose, xlogy as xlogy,
)
from minigrad.ops.network.activation import (
    celu as celu, elu as elu, gelu as gelu, glu as glu, hardshrink as hardshrink, hardsigmoid as hardsigmoid,
    hardswish as hardswish, hardtanh as hardtanh, leaky_relu as leaky_relu, mish as mish, relu6 as relu6, selu as selu,
    silu as silu, softmin as softmin, softshrink as softshrink, softsign as softsign, tanhshrink as tanhshrink,
    threshold as threshold,
)
from minigrad.ops.network.convolution import (
    conv as conv, conv1d as conv1d, conv2d as conv2d, conv3d as conv3d, conv_nd as conv_nd,
    conv_transpose as conv_transpose, conv_transpose1d as conv_transpose1d, conv_transpose2d as conv_transpose2d,
    conv_transpose3d as conv_transpose3d, convolve1d as _convolve1d,
)
from minigrad.ops.network.correlate import correlate as correlate
from minigrad.ops.network.ctc import ctc_loss as ctc_loss
from minigrad.ops.network.distance import (
    cdist as cdist, cosine_similarity as cosine_similarity, pairwise_distance as pairwise_distance, pdist as pdist,
)
from minigrad.ops.network.likelihood_losses import (
    gaussian_nll_loss as gaussian_nll_loss, poisson_nll_loss as poisson_nll_loss,
)
from minigrad.ops.network.loss import (
    binary_cross_entropy as binary_cross_entropy, binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    cross_entropy as cross_entropy, focal_loss as focal_loss, hinge_embedding_loss as hinge_embedding_loss,
    huber_loss as huber_loss, kl_div as kl_div, l1_loss as l1_loss, margin_ranking_loss as margin_ranking_loss,
    mse_loss as mse_loss, multiclass_hinge as multiclass_hinge, negative_log_likelihood as negative_log_likelihood,
    nll_loss as nll_loss, one_hot as one_hot, smooth_l1_loss as smooth_l1_loss, soft_margin_loss as soft_margin_loss,
    softmax_cross_entropy as softmax_cross_entropy, softmax_focal_loss as softmax_focal_loss,
)
from minigrad.ops.network.margin_losses import (
    cosine_embedding_loss as cosine_embedding_loss, multi_margin_loss as multi_margin_loss,
    multilabel_margin_loss as multilabel_margin_loss, multilabel_soft_margin_loss as multilabel_soft_margin_loss,
    triplet_margin_loss as triplet_margin_loss,
)
from minigrad.ops.network.normalization import (
    batch_norm as batch_norm, group_norm as group_norm, instance_norm as instance_norm, layer_norm as layer_norm,
    local_response_norm as local_response_norm, normalize as normalize, rms_norm as rms_norm,
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from minigrad.ops.network.pooling import (
    adaptive_avg_pool as adaptive_avg_pool, adaptive_avg_pool1d as adaptive_avg_pool1d,
    adaptive_avg_pool2d as adaptive_avg_pool2d, adaptive_avg_pool3d as adaptive_avg_pool3d,
    adaptive_max_pool as adaptive_max_pool, adaptive_max_pool1d as adaptive_max_pool1d,
    adaptive_max_pool2d as adaptive_max_pool2d, adaptive_max_pool3d as adaptive_max_pool3d, avg_pool as avg_pool,
    avg_pool1d as avg_pool1d, avg_pool2d as avg_pool2d, avg_pool3d as avg_pool3d, global_avg_pool as global_avg_pool,
    max_pool as max_pool, max_pool1d as max_pool1d, max_pool2d as max_pool2d, max_pool3d as max_pool3d,
)
from minigrad.ops.network.random import (
    dropout as dropout, dropout_mask as dropout_mask, gumbel_softmax as gumbel_softmax, random_normal as random_normal,
    random_uniform as random_uniform,
)
from minigrad.ops.network.recurrent import gru as gru, odeint as odeint
from minigrad.ops.network.windows import fold as fold, sliding_window_view as sliding_window_view, unfold as unfold
from minigrad.ops.polynomials import (
    poly as poly, polyadd as polyadd, polyder as polyder, polyint as polyint, polymul as polymul, polysub as polysub,
    polyval as polyval, vander as vander,
)
from minigrad.ops.reduction.cumulative import (
    cumlogsumexp as cumlogsumexp, cumprod as cumprod, cumsum as cumsum, diff as diff, ediff1d as ediff1d,
    linear_recurrence as linear_recurrence, logcumsumexp as logcumsumexp, prod as prod, trapezoid as trapezoid,
)
from minigrad.ops.reduction.nan_reductions import (
    average as average, nanmax as nanmax, nanmean as nanmean, nanmin as nanmin, nanprod as nanprod, nanstd as nanstd,
    nansum as nansum, nanvar as nanvar, ptp as ptp, round as round,
)
from minigrad.ops.reduction.sequences import (
    cumulative_prod as cumulative_prod, cumulative_sum as cumulative_sum, cumulative_trapezoid as cumulative_trapezoid,
    nancumprod as nancumprod, nancumsum as nancumsum,
)
from minigrad.ops.reduction.sort import argsort as argsort, partition as partition, sort as sort, topk as topk
from minigrad.ops.reduction.variance import std as std, var as var
from minigrad.ops.shape import matrix_transpose as matrix_transpose
from minigrad.ops.statistics.covariance import corrcoef as corrcoef, cov as cov
from minigrad.ops.statistics.interpolation import interp as interp, piecewise as piecewise, unwrap as unwrap
from minigrad.ops.statistics.quantiles import (
    median as median, nanmedian as nanmedian, nanpercentile as nanpercentile, nanquantile as nanquantile,
    percentile as percentile, quantile as quantile,
)
from minigrad.ops.statistics.sets import (
    intersect1d as intersect1d, setdiff1d as setdiff1d, setxor1d as setxor1d, union1d as union1d, unique as unique,
)
from minigrad.optim import optimizer as optimizer
from minigrad.optimize import least_squares as least_squares, minimize as minimize, root as root
from minigrad.program import TraceError as TraceError, define as define
from minigrad.program.vmap import vmap as vmap
from minigrad.runtime.no_grad import enable_grad as enable_grad, no_grad as no_grad
from minigrad.train import Monitor as Monitor, check_gradients as check_gradients, fit as fit, load as load
from minigrad.transforms.debug import NonFiniteValue as NonFiniteValue, debug as debug
from minigrad.transforms.grad import (
    grad as grad, hessian as hessian, hvp as hvp, jacobian as jacobian, jvp as jvp, value_and_grad as value_and_grad,
    vjp as vjp,
)
from minigrad.transforms.remat import checkpointed as checkpointed
from minigrad.verify import (
    boolean as boolean, distinct as distinct, integer_index as integer_index, nonzero as nonzero, positive as positive,
    real as real, register as register, spd as spd, square_wellconditioned as square_wellconditioned, unit as unit,
)
from minigrad.verify.declare import Sample as Sample, op as op
from minigrad.verify.gradcheck import gradcheck as gradcheck

abs = _absolute
convolve = _convolve1d
imag = _imag_part
__version__: str
__all__: list[str]
