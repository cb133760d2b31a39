"""The public names of minigrad, and the module each lives in. Needs no NumPy.

`minigrad/__init__.pyi` holds the same names for type checkers; `tests/tools/write_stub.py` writes it from this table.
"""

from __future__ import annotations

from importlib import import_module

from minigrad import lazy

TYPE_CHECKING = False  # see `minigrad.lazy`
if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC: Mapping[str, str] = {
    "": "array_api checkpoint core data fft linalg nn ops optim program train transforms verify",
    "core": """GradientError GradientMismatch InconclusiveCheck InvalidRule MinigradError Op OpError RegistrationError
        ShapeError StaleGraphError Tensor UnregisteredOp UnsupportedFunction tensor""",
    "runtime.no_grad": "enable_grad no_grad",
    "verify.declare": "Sample op",
    "verify": "boolean distinct integer_index nonzero positive real register spd square_wellconditioned unit",
    "transforms.debug": "NonFiniteValue debug",
    "transforms.remat": "checkpointed",
    "optim": "optimizer",
    "program": "define TraceError",
    "optimize": "least_squares minimize root",
    "train": "Monitor check_gradients fit load",
    "verify.gradcheck": "gradcheck",
    "transforms.grad": "grad hessian hvp jacobian jvp value_and_grad vjp",
    "program.vmap": "vmap",
    "ops.elementwise.piecewise_constant": "ceil equal floor greater prefer rint sign trunc",
    "ops.elementwise.arithmetic": "add divide integer_power multiply negative ratio reciprocal square subtract where",
    "ops.elementwise.transcendental": "cos exp expm1 log log1p power sigmoid sin softplus sqrt tanh",
    "ops.elementwise.piecewise_linear": "abs=absolute absolute maximum minimum relu",
    "ops.functions": """broadcast_to clip concatenate expand_dims flatten flip log_sigmoid log_softmax logsumexp max
        mean min moveaxis norm ravel reshape softmax squeeze sum swapaxes transpose xlogy""",
    "ops.contraction.matmul": "matmul",
    "ops.reduction.variance": "std var",
    "ops.shape": "matrix_transpose",
    "ops.elementwise.trigonometric": """arccos arccosh arccot arccoth arccsc arccsch arcsec arcsin arcsinh arctan
        arctan2 arctanh cosh cot coth csc csch deg2rad hypot rad2deg sec sech sinh tan""",
    "ops.elementwise.elementwise_extra": """angle cbrt copysign exp2 fabs float_power fmax fmin fmod frac imag=imag_part
        lerp log10 log2 logaddexp logaddexp2 mod nan_to_num real_part remainder rsqrt sinc""",
    "ops.elementwise.gaussian": "erf erfc normal_cdf normal_pdf",
    "ops.network.activation": """celu elu gelu glu hardshrink hardsigmoid hardswish hardtanh leaky_relu mish relu6
        selu silu softmin softshrink softsign tanhshrink threshold""",
    "ops.reduction.cumulative": """cumlogsumexp cumprod cumsum diff ediff1d linear_recurrence logcumsumexp prod
        trapezoid""",
    "ops.reduction.nan_reductions": "average nanmax nanmean nanmin nanprod nanstd nansum nanvar ptp round",
    "ops.arrangement.manipulation": """astype broadcast_arrays copy diag diag_embed diagflat diagonal fliplr flipud full
        gradient linspace pad repeat roll rollaxis rot90 tile trace tril triu""",
    "ops.arrangement.split_join": """append array_split atleast_1d atleast_2d atleast_3d column_stack dsplit dstack
        hsplit hstack split stack unstack vsplit vstack""",
    "ops.arrangement.gather": """compress delete embedding extract gather index_add index_select masked_fill
        masked_select scatter_add take take_along_axis""",
    "ops.reduction.sort": "argsort partition sort topk",
    "ops.reduction.sequences": "cumulative_prod cumulative_sum cumulative_trapezoid nancumprod nancumsum",
    "ops.statistics.quantiles": "median nanmedian nanpercentile nanquantile percentile quantile",
    "ops.statistics.covariance": "corrcoef cov",
    "ops.statistics.interpolation": "interp piecewise unwrap",
    "ops.statistics.sets": "intersect1d setdiff1d setxor1d union1d unique",
    "ops.arrangement.placement": "block block_diag choose insert meshgrid put_along_axis resize trim_zeros",
    "ops.arrangement.spacing": "geomspace logspace",
    "ops.arrangement.slices": "apply_along_axis apply_over_axes",
    "ops.network.correlate": "correlate",
    "ops.elementwise.parts": "heaviside ldexp modf",
    "ops.polynomials": "poly polyadd polyder polyint polymul polysub polyval vander",
    "ops.contraction.einsum": """add_sequence cross dot einsum inner kron matvec multi_dot multi_matmul
        multiply_sequence outer tensordot vdot vecdot vecmat""",
    "ops.network.windows": "fold sliding_window_view unfold",
    "ops.network.convolution": """conv conv1d conv2d conv3d conv_nd conv_transpose conv_transpose1d conv_transpose2d
        conv_transpose3d convolve=convolve1d""",
    "ops.network.pooling": """adaptive_avg_pool adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
        adaptive_max_pool adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d avg_pool avg_pool1d
        avg_pool2d avg_pool3d global_avg_pool max_pool max_pool1d max_pool2d max_pool3d""",
    "ops.network.normalization": """batch_norm group_norm instance_norm layer_norm local_response_norm normalize
        rms_norm scaled_dot_product_attention""",
    "ops.network.loss": """binary_cross_entropy binary_cross_entropy_with_logits cross_entropy
        focal_loss hinge_embedding_loss huber_loss kl_div l1_loss margin_ranking_loss mse_loss
        multiclass_hinge negative_log_likelihood nll_loss one_hot smooth_l1_loss
        soft_margin_loss softmax_cross_entropy softmax_focal_loss""",
    "ops.network.ctc": "ctc_loss",
    "ops.network.distance": "cdist cosine_similarity pairwise_distance pdist",
    "ops.network.likelihood_losses": "gaussian_nll_loss poisson_nll_loss",
    "ops.network.margin_losses": """cosine_embedding_loss multi_margin_loss multilabel_margin_loss
        multilabel_soft_margin_loss triplet_margin_loss""",
    "ops.network.random": "dropout dropout_mask gumbel_softmax random_normal random_uniform",
    "ops.network.recurrent": "gru odeint",
}
"""Module of minigrad -> public names that live there, as `lazy.names` reads it."""

RENAMED: Mapping[str, str] = {"calculus": "minigrad.transforms.grad:"}
"""Old public name -> new one; using it warns."""


OTHER_WORDS = {
    "save": "checkpoint.save(path, model, optimizer) saves a run in progress; train.RunFolder a model to be used",
    "save_checkpoint": "checkpoint.save(path, model, optimizer)",
    "load_state_dict": "model.load_state_dict(weights)",
    "manual_seed": "give seeds where numbers are drawn: nn.mlp(..., rng=0), Loader(..., seed=0), fit(..., seed=0)",
    "seed": "give seeds where numbers are drawn: nn.mlp(..., rng=0), Loader(..., seed=0), fit(..., seed=0)",
    "set_default_dtype": "give arrays of the dtype you want, or model.astype(dtype)",
    "set_num_threads": "set OPENBLAS_NUM_THREADS, or MINIGRAD_THREADS for the C engine, before the program starts",
    "cat": "concatenate(tensors, axis)",
    "concat": "concatenate(tensors, axis)",
    "mm": "matmul(a, b), or a @ b",
    "bmm": "matmul(a, b), or a @ b",
    "clamp": "clip(x, min, max)",
    "functional": "the functions are in minigrad itself: relu, softmax, cross_entropy",
    "F": "the functions are in minigrad itself: relu, softmax, cross_entropy",
    "Variable": "tensor(array, requires_grad=True)",
    "autocast": "give arrays of the dtype you want, or model.astype(dtype)",
    "amp": "give arrays of the dtype you want, or model.astype(dtype)",
    "distributed": "minigrad.parallel trains in several processes",
    "func": "grad, vjp, jvp, jacobian, hessian",
    "randperm": "numpy.random.default_rng(seed).permutation(n)",
    "tensor_split": "array_split(t, sections, axis)",
    "inf": "numpy.inf",
    "Adam": "optimizer('adam', model.parameters(), lr=1e-3)",
    "SGD": "optimizer('sgd', model.parameters(), lr=0.1)",
    "from_numpy": "tensor(array)",
    "as_tensor": "tensor(array)",
    "FloatTensor": "tensor(values)",
    "LongTensor": "labels are NumPy arrays of integers: numpy.array(values)",
    "zeros": "tensor(numpy.zeros(shape))",
    "ones": "tensor(numpy.ones(shape))",
    "less": "greater(y, x), which is 1 where x < y",
    "less_equal": "subtract(1.0, greater(x, y))",
    "greater_equal": "subtract(1.0, greater(y, x))",
    "not_equal": "subtract(1.0, equal(x, y))",
    "lt": "greater(y, x), which is 1 where x < y",
    "gt": "greater(x, y)",
    "logical_and": "multiply(a, b), for truth values of 0 and 1",
    "isnan": "numpy.isnan(t.numpy())",
    "ones_like": "tensor(numpy.ones(t.shape))",
    "zeros_like": "tensor(numpy.zeros(t.shape))",
    "empty": "tensor(numpy.zeros(shape))",
    "argmax": "numpy.argmax(t, axis), which takes Tensors",
    "argmin": "numpy.argmin(t, axis), which takes Tensors",
    "arange": "tensor(numpy.arange(...))",
    "eye": "tensor(numpy.eye(n))",
    "rand": "tensor(numpy.random.default_rng(seed).random(shape))",
    "randn": "tensor(numpy.random.default_rng(seed).normal(size=shape))",
    "randint": "numpy.random.default_rng(seed).integers(low, high, size)",
    "float32": "numpy.float32",
    "float64": "numpy.float64",
    "int64": "numpy.int64",
    "long": "numpy.int64",
    "device": "there is one device, main memory: leave it out",
    "cuda": "there is one device, main memory: leave it out",
    "backends": "there is one device, main memory: leave it out",
    "compile": "define(function) makes a program of a step",
    "jit": "define(function) makes a program of a step",
    "autograd": "loss.backward(), or grad(function)",
    "inference_mode": "with no_grad():",
    "set_grad_enabled": "with no_grad(): where none are wanted, with enable_grad(): inside it",
    "lr_scheduler": "optimizer(..., lr=optim.Cosine(0.1, steps)), optim.WarmUp(...), optim.ReduceOnPlateau(...)",
    "clip_grad_norm_": "optimizer(..., clip=optim.ClipNorm(1.0))",
    "is_tensor": "isinstance(value, Tensor)",
    "Parameter": "nn.parameter(array)",
    "Module": "nn.Module",
    "DataLoader": "data.Loader(x, y, batch_size, seed=0)",
    "utils": "data.Loader makes batches; optim.ClipNorm bounds gradients",
    "einops": "einops itself takes Tensors after `import minigrad_einops`: pip install ./plugins/minigrad-einops",
}
"""Names that people know from elsewhere, and what stands in their place here."""


def find_op(name: str) -> object:
    """The op of that name that a user has registered, or that a plugin offers.

    Raises:
        AttributeError: there is none; names the nearest public name or registered op.
    """
    from minigrad.core.errors import nearest
    from minigrad.core.registry import REGISTRY
    from minigrad.ops.plugins import find, refusal_of

    op = REGISTRY.get(name) or find(name)
    if op is None:
        lazy.refuse_other_word("module 'minigrad'", name, OTHER_WORDS)
        if why := refusal_of(name):
            raise AttributeError(f"module 'minigrad' has no {name!r}: the gate refused it. {why}")
        public_names = {*lazy.parse("minigrad", PUBLIC), *(op.name for op in REGISTRY)}
        raise AttributeError(f"module 'minigrad' has no {name!r}.{nearest(name, public_names)}")
    return op


def register_all() -> None:
    """Register every family of the library, also those that wait for their first use."""
    for module in ("ops", *sorted(m for m in PUBLIC if m.startswith("ops.")), "linalg", "fft"):
        import_module(f"minigrad.{module}")
