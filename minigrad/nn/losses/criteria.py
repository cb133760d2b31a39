"""Losses under PyTorch's names, for code that is written for it.

Scores or outputs come first, then targets.
Each calls the function of `minigrad` that its docstring names; classes of scores are on axis 1, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import attrs

from minigrad import lazy
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.nn.errors import ModuleError
from minigrad.nn.losses.baseline import Targets
from minigrad.nn.options import named_options
from minigrad.ops.arguments import as_input
from minigrad.ops.public_functions import accept_lists

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
]

Weights = Tensor | Array | Sequence[float] | None


def _reduction(owner: object, field: attrs.Attribute[str], value: object) -> None:
    """`"mean"`, `"sum"` or `"none"`; for KLDivLoss also `"batchmean"`."""
    names = ("mean", "sum", "none", *(("batchmean",) if isinstance(owner, KLDivLoss) else ()))
    if value not in names:
        raise ModuleError(f"{type(owner).__name__}.reduction must be one of {', '.join(names)}, got {value!r}")


@cache
def _loss(name: str, module: str = "loss") -> Callable[..., Tensor]:
    """A public loss function of `minigrad`, whose ops register on first use."""
    function: Callable[..., object] = lazy.load(f"minigrad.ops.network.{module}", name)
    return accept_lists("minigrad", name, function)  # type: ignore[return-value]


def _tensor(value: Weights) -> Any:
    return value if value is None or isinstance(value, Tensor) else Tensor(value)


reduction = partial(attrs.field, default="mean", kw_only=True, validator=_reduction)


@named_options
@attrs.frozen
class CrossEntropyLoss:
    """`minigrad.cross_entropy` of scores `(N, C, ...)`.

    Attributes:
        weight: of each class, `(C,)`.
        ignore_index: a label that counts for nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: share of the target that is spread evenly over all classes.
    """

    weight: Weights = None
    ignore_index: int = attrs.field(default=-100, kw_only=True)
    reduction: str = reduction()
    label_smoothing: float = attrs.field(default=0.0, kw_only=True)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C, ...)` and labels `(N, ...)`, or probabilities of the shape of the scores."""
        outputs = as_input("CrossEntropyLoss", "outputs", outputs)
        axis = 1 if outputs.ndim > 1 else 0
        options = (self.reduction, _tensor(self.weight), self.ignore_index, self.label_smoothing)
        return _loss("cross_entropy")(outputs, targets, axis, *options)


@named_options
@attrs.frozen
class NLLLoss:
    """`minigrad.nll_loss` of log-probabilities `(N, C, ...)`.

    Attributes:
        weight: of each class, `(C,)`.
        ignore_index: a label that counts for nothing.
        reduction: "mean", "sum" or "none".
    """

    weight: Weights = None
    ignore_index: int = attrs.field(default=-100, kw_only=True)
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Log-probabilities `(N, C, ...)` and labels `(N, ...)`."""
        outputs = as_input("NLLLoss", "outputs", outputs)
        order = (0, *range(2, outputs.ndim), 1) if outputs.ndim > 1 else (0,)
        options = (self.reduction, _tensor(self.weight), self.ignore_index)
        return _loss("nll_loss")(outputs.transpose(order), targets, *options)


@named_options
@attrs.frozen
class MSELoss:
    """`minigrad.mse_loss`."""

    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and targets of one shape."""
        return _loss("mse_loss")(outputs, targets, self.reduction)


@named_options
@attrs.frozen
class L1Loss:
    """`minigrad.l1_loss`."""

    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and targets of one shape."""
        return _loss("l1_loss")(outputs, targets, self.reduction)


@named_options
@attrs.frozen
class SmoothL1Loss:
    """`minigrad.smooth_l1_loss`; `beta` is where the parabola ends."""

    beta: float = attrs.field(default=1.0, kw_only=True)
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and targets of one shape."""
        return _loss("smooth_l1_loss")(outputs, targets, self.beta, self.reduction)


@named_options
@attrs.frozen
class HuberLoss:
    """`minigrad.huber_loss`; `delta` is where the parabola ends."""

    delta: float = attrs.field(default=1.0, kw_only=True)
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and targets of one shape."""
        return _loss("huber_loss")(outputs, targets, self.delta, self.reduction)


@named_options
@attrs.frozen
class BCELoss:
    """`minigrad.binary_cross_entropy` of probabilities; `weight` is a factor that broadcasts."""

    weight: Weights = None
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Probabilities and targets in [0, 1] of one shape."""
        factor = 1.0 if self.weight is None else _tensor(self.weight)
        return _loss("binary_cross_entropy")(outputs, targets, self.reduction, factor)


@named_options
@attrs.frozen
class BCEWithLogitsLoss:
    """`minigrad.binary_cross_entropy_with_logits` of scores.

    Attributes:
        weight: a factor that broadcasts.
        reduction: "mean", "sum" or "none".
        pos_weight: factor of the positive part, one for all or one for each class.
    """

    weight: Weights = None
    reduction: str = reduction()
    pos_weight: Weights = attrs.field(default=None, kw_only=True)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores and targets in [0, 1] of one shape."""
        positive, factor = (1.0 if w is None else _tensor(w) for w in (self.pos_weight, self.weight))
        options = (self.reduction, positive, factor)
        return _loss("binary_cross_entropy_with_logits")(outputs, targets, *options)


@named_options
@attrs.frozen
class KLDivLoss:
    """`minigrad.kl_div` of log-probabilities and probabilities.

    With `log_target` the logarithms of probabilities.
    """

    reduction: str = reduction()
    log_target: bool = attrs.field(default=False, kw_only=True)

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Log-probabilities and targets of one shape."""
        return _loss("kl_div")(outputs, targets, self.reduction, self.log_target)


@named_options
@attrs.frozen
class PoissonNLLLoss:
    """`minigrad.poisson_nll_loss` of rates or their logarithms; `full` adds log(target!)."""

    log_input: bool = True
    full: bool = False
    eps: float = attrs.field(default=1e-8, kw_only=True)
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Outputs and counts of one shape."""
        options = (self.log_input, self.eps, self.reduction, self.full)
        return _loss("poisson_nll_loss", "likelihood_losses")(outputs, targets, *options)


@named_options
@attrs.frozen
class GaussianNLLLoss:
    """`minigrad.gaussian_nll_loss`; variances are at least `eps`, `full` adds log(2 pi) / 2."""

    full: bool = attrs.field(default=False, kw_only=True)
    eps: float = attrs.field(default=1e-6, kw_only=True)
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets, variance: Tensor) -> Tensor:
        """Outputs, targets and variances of one shape."""
        options = (self.eps, self.reduction, self.full)
        return _loss("gaussian_nll_loss", "likelihood_losses")(outputs, targets, variance, *options)


@named_options
@attrs.frozen
class HingeEmbeddingLoss:
    """`minigrad.hinge_embedding_loss` of distances."""

    margin: float = 1.0
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Distances, and targets of 1 (near) and -1 (far)."""
        return _loss("hinge_embedding_loss")(outputs, targets, self.margin, self.reduction)


@named_options
@attrs.frozen
class MarginRankingLoss:
    """`minigrad.margin_ranking_loss` of pairs of scores."""

    margin: float = 0.0
    reduction: str = reduction()

    def __call__(self, first: Tensor, second: Tensor, targets: Targets) -> Tensor:
        """Two scores, and targets of 1 (the first ranks higher) and -1."""
        return _loss("margin_ranking_loss")(first, second, targets, self.margin, self.reduction)


@named_options
@attrs.frozen
class CosineEmbeddingLoss:
    """`minigrad.cosine_embedding_loss` of pairs of vectors."""

    margin: float = 0.0
    reduction: str = reduction()

    def __call__(self, first: Tensor, second: Tensor, targets: Targets) -> Tensor:
        """Vectors on the last axis, and targets of 1 (alike) and -1."""
        return _loss("cosine_embedding_loss", "margin_losses")(first, second, targets, self.margin, self.reduction)


@named_options
@attrs.frozen
class MultiMarginLoss:
    """`minigrad.multi_margin_loss` of scores `(N, C)`.

    Attributes:
        p: exponent of each miss.
        margin: distance at which a wrong class costs nothing.
        weight: of each class, `(C,)`.
        reduction: "mean", "sum" or "none".
    """

    p: float = 1.0
    margin: float = 1.0
    weight: Weights = None
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores `(N, C)` and labels `(N,)`."""
        options = (self.p, self.margin, _tensor(self.weight), self.reduction)
        return _loss("multi_margin_loss", "margin_losses")(outputs, targets, *options)


@named_options
@attrs.frozen
class MultiLabelMarginLoss:
    """`minigrad.multilabel_margin_loss` of scores `(N, C)`."""

    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores and labels of one shape: in each row the right classes, then -1."""
        return _loss("multilabel_margin_loss", "margin_losses")(outputs, targets, self.reduction)


@named_options
@attrs.frozen
class MultiLabelSoftMarginLoss:
    """`minigrad.multilabel_soft_margin_loss` of scores `(N, C)`; `weight` is of each class."""

    weight: Weights = None
    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores and targets of 0 and 1, of one shape."""
        return _loss("multilabel_soft_margin_loss", "margin_losses")(
            outputs, targets, _tensor(self.weight), self.reduction
        )


@named_options
@attrs.frozen
class SoftMarginLoss:
    """`minigrad.soft_margin_loss` of scores."""

    reduction: str = reduction()

    def __call__(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Scores and targets of 1 and -1, of one shape."""
        return _loss("soft_margin_loss")(outputs, targets, self.reduction)


@named_options
@attrs.frozen
class TripletMarginLoss:
    """`minigrad.triplet_margin_loss` of vectors on the last axis.

    Attributes:
        margin: by how much the negative must be farther away.
        p: of the norm.
        eps: added to each difference.
        swap: the negative may be nearer to the positive instead of the anchor.
        reduction: "mean", "sum" or "none".
    """

    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    reduction: str = reduction()

    def __call__(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Three inputs of one shape."""
        options = (self.margin, self.reduction, self.p, self.eps, self.swap)
        return _loss("triplet_margin_loss", "margin_losses")(anchor, positive, negative, *options)


@named_options
@attrs.frozen
class CTCLoss:
    """`minigrad.ctc_loss` of log-probabilities `(time, N, C)`.

    Attributes:
        blank: the class that stands for no label.
        reduction: "mean", "sum" or "none".
        zero_infinity: losses of targets that do not fit into their row are 0.
    """

    blank: int = 0
    reduction: str = reduction()
    zero_infinity: bool = attrs.field(default=False, kw_only=True)

    def __call__(self, log_probs: Tensor, targets: Targets, input_lengths: Targets, target_lengths: Targets) -> Tensor:
        """Log-probabilities `(time, N, C)`, labels, and both lengths `(N,)`.

        Labels are `(N, longest)`, or all one after another.
        """
        lengths = (input_lengths, target_lengths)
        options = (self.blank, self.reduction, self.zero_infinity)
        return _loss("ctc_loss", "ctc")(log_probs, targets, *lengths, *options)
