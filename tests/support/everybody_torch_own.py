"""PyTorch's own functions under the gate: nearly all are right, and the defects of some are known.

Each defect was confirmed by hand for torch 2.13.0: see the second column.
"""

# torch has no types where mypy runs: it is no dependency.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import torch
import torch.nn.functional as F

from support.everybody_torch_forms import numbers
from support.everybody_torch_right import spd

X, Y, Z = (numbers(3, 4, seed=s) for s in range(3))
POSITIVE, POSITIVE_TOO = X.abs() + 0.3, Y.abs() + 0.3
UNIT, SHARE, SHARE_TOO = 0.9 * X.tanh(), X.sigmoid(), Y.sigmoid()
CLASSES = torch.tensor([1, 0, 3])

OWN = {
    "exp": (torch.exp, X),
    "expm1": (torch.expm1, X),
    "log": (torch.log, POSITIVE),
    "log1p": (torch.log1p, POSITIVE),
    "sqrt": (torch.sqrt, POSITIVE),
    "rsqrt": (torch.rsqrt, POSITIVE),
    "tan": (torch.tan, UNIT),
    "asin": (torch.asin, UNIT),
    "atan2": (torch.atan2, X, Y),
    "erf": (torch.erf, X),
    "erfinv": (torch.erfinv, UNIT),
    "i0": (torch.special.i0, X),
    "logit": (torch.logit, SHARE),
    "xlogy": (torch.xlogy, POSITIVE, POSITIVE_TOO),
    "entr": (torch.special.entr, SHARE),
    "logaddexp": (torch.logaddexp, X, Y),
    "maximum": (torch.maximum, X, Y),
    "remainder": (torch.remainder, X, 1.5),
    "abs": (torch.abs, X),
    "gelu": (F.gelu, X),
    "silu": (F.silu, X),
    "mish": (F.mish, X),
    "elu": (F.elu, X),
    "hardswish": (F.hardswish, X),
    "leaky_relu": (F.leaky_relu, X),
    "softshrink": (F.softshrink, X),
    "glu": (F.glu, X),
    "prelu": (F.prelu, X, POSITIVE[0]),
    "clamp": (torch.clamp, X, -0.5, 0.5),
    "sum": (torch.sum, X, 1),
    "prod": (torch.prod, X, 1),
    "var": (lambda x, dim: x.var(dim), X, 1),
    "norm": (torch.linalg.vector_norm, X),
    "amax": (torch.amax, X, 1),
    "sort": (lambda x: x.sort(1).values, X),
    "topk": (lambda x, k: x.topk(k, 1).values, X, 2),
    "quantile": (lambda x: x.quantile(0.3, 1), X),
    "cumsum": (torch.cumsum, X, 1),
    "cumprod": (torch.cumprod, X, 1),
    "cummax": (lambda x: x.cummax(1).values, X),
    "softmax": (torch.softmax, X, 1),
    "logsumexp": (torch.logsumexp, X, 1),
    "bmm": (torch.bmm, numbers(2, 2, 3), numbers(2, 3, 2)),
    "einsum": (lambda a, b: torch.einsum("ij,kj->ik", a, b), X, Y),
    "solve_triangular": (
        lambda a, b: torch.linalg.solve_triangular(a.tril(), b, upper=False),
        torch.linalg.cholesky(spd(3)),
        X[:, :2],
    ),
    "eigvalsh": (torch.linalg.eigvalsh, spd(3)),
    "pinv": (torch.linalg.pinv, X),
    "cross": (torch.linalg.cross, X[:, :3], Y[:, :3]),
    "conv1d": (F.conv1d, numbers(2, 2, 6), numbers(3, 2, 3)),
    "conv_transpose1d": (F.conv_transpose1d, numbers(1, 2, 4), numbers(2, 3, 3)),
    "max_pool1d": (F.max_pool1d, numbers(1, 2, 6), 2),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=2, mode="linear"), numbers(1, 2, 4)),
    "pad": (lambda x: F.pad(x, (1, 2), mode="reflect"), numbers(1, 2, 5)),
    "binary_cross_entropy": (F.binary_cross_entropy, SHARE, SHARE_TOO),
    "mse_loss": (F.mse_loss, X, Y),
    "l1_loss": (F.l1_loss, X, Y),
    "triplet": (F.triplet_margin_loss, X, Y, Z),
    "nll_loss": (lambda x, t: F.nll_loss(x.log_softmax(1), t), X, CLASSES),
    "group_norm": (lambda x: F.group_norm(x, 2), numbers(2, 4, 3)),
    "normalize": (F.normalize, X),
    "embedding": (F.embedding, torch.tensor([1, 0, 1]), X),
    "attention": (F.scaled_dot_product_attention, X[None], Y[None], Z[None]),
    "gather": (lambda x, i: x.gather(1, i), X, torch.tensor([[0, 1], [2, 2], [3, 0]])),
    "index_add": (lambda x, i: x.new_zeros(3).index_add(0, i, x), numbers(5), torch.tensor([0, 1, 1, 2, 0])),
    "fft": (lambda x: torch.fft.rfft(x).abs(), X),
    "cdist": (torch.cdist, X, Y),
    "lerp": (torch.lerp, X, Y, Z),
    "outer": (torch.outer, X[0], Y[0]),
}
"""A right function with its arguments, by name."""

DEFECTS = {
    "sinc": (torch.sinc, (X,), "not finite|nan", "the second derivative at 0 is NaN, not -pi^2 / 3"),
    "hypot": (torch.hypot, (X, Y), "nan", "the gradient at (0, 0) is NaN"),
    "pow": (torch.pow, (POSITIVE, Y), "second derivative", "d2/db de of b^e is 0 at e = 0, not 1 / b"),
    "det": (torch.linalg.det, (X[:, :3],), "row of zeros", "0 at a singular matrix whose cofactors are not 0"),
    "logcumsumexp": (torch.logcumsumexp, (X, 1), "hides", "an output gradient of NaN counts as 0"),
    "cosine_similarity": (
        F.cosine_similarity, (X, Y), "disagrees", "below eps the norm is clamped in the value, not in the gradient"
    ),
    "median": (lambda x: x.median(1).values, (X,), "expanded", "another value for an expanded tensor"),
    "kron": (torch.kron, (X[:2, :2], Y[:2, :3]), "written into", "a change in place of one factor goes unnoticed"),
    "layer_norm": (lambda x: F.layer_norm(x, (4,)), (X,), "third derivative", "wrong third derivatives"),
    "batch_norm": (
        lambda x: F.batch_norm(x, None, None, training=True), (X,), "third derivative", "wrong third derivatives"
    ),
}  # fmt: skip
"""Function, arguments, what the refusal says, and what is wrong, by name."""
