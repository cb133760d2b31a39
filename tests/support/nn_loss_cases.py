"""Losses that have PyTorch's name and options: each is built and called in one way on both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

RNG = np.random.default_rng(11)
SCORES, OTHER, TARGETS = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))
PLACES = RNG.normal(size=(2, 3, 4))
LABELS, PLACE_LABELS = np.array([0, 3, 1, 2, 3]), RNG.integers(0, 3, (2, 4))
SOME = np.array([0, -100, 1, 2, -100])
SHARES = RNG.dirichlet(np.ones(4), 5)
BITS = RNG.integers(0, 2, (5, 4)).astype(np.float64)
SIGNS = 2.0 * BITS - 1.0
WEIGHTS = np.array([0.5, 2.0, 1.0, 0.25])
LOGS = np.log(RNG.dirichlet(np.ones(4), 5))
PROBABILITIES = RNG.uniform(0.05, 0.95, (5, 4))
LISTS = np.array([[1, 3, -1, 0], [2, -1, 0, 1], [-1, 0, 1, 2], [0, 1, 2, 3], [3, 0, 1, -1]])
COUNTS = np.array([[0.0, 1.0, 2.0, 9.0]]).repeat(5, 0)
FRAMES = np.log(RNG.dirichlet(np.ones(4), (7, 3)))
SPELT = np.array([[1, 2, 2], [3, 1, 1], [2, 0, 0]])


@attrs.frozen
class LossCase:
    """A loss of `torch.nn` and of `minigrad.nn`, its inputs and targets.

    Attributes:
        name: of the case.
        args: what it is called with.
        options: of the constructor.
        constant: which of the arguments get no gradient although they are numbers.
    """

    name: str
    args: tuple[np.ndarray, ...]
    options: Mapping[str, Any] = attrs.Factory(dict)
    constant: tuple[int, ...] = ()

    def evaluate(
        self, library: Any, leaf: Callable[[Any], Any], plain: Callable[[Any], Any], log_softmax: Callable[..., Any]
    ) -> dict[str, np.ndarray]:
        """The loss, and its gradient for all numbers; with a loss for each row, of their weighted sum."""
        options = {k: plain(v) if isinstance(v, np.ndarray) else v for k, v in self.options.items()}
        loss = getattr(library, self.name.split(" ")[0])(**options)
        args = [
            leaf(a) if a.dtype.kind == "f" and i not in self.constant else plain(a) for i, a in enumerate(self.args)
        ]
        first = args[0]
        if self.name.startswith("CTCLoss"):  # PyTorch's gradient of it is right behind a log-softmax only
            first = log_softmax(first, -1)
        value = loss(first, *args[1:])
        weights = np.random.default_rng(2).normal(size=tuple(value.shape))
        (value * plain(weights)).sum().backward()
        record = {"value": value.detach().numpy()}
        return record | {str(i): a.grad.numpy() for i, a in enumerate(args) if getattr(a, "grad", None) is not None}


def _cases() -> list[LossCase]:
    several = [
        LossCase("CrossEntropyLoss", (SCORES, LABELS)),
        LossCase("CrossEntropyLoss weighted", (SCORES, LABELS), {"weight": WEIGHTS}),
        LossCase("CrossEntropyLoss smoothed, weighted", (SCORES, LABELS), {"weight": WEIGHTS, "label_smoothing": 0.2}),
        LossCase("CrossEntropyLoss ignored", (SCORES, SOME), {"weight": WEIGHTS, "label_smoothing": 0.1}),
        LossCase("CrossEntropyLoss places", (PLACES, PLACE_LABELS), {"weight": WEIGHTS[:3]}),
        LossCase("CrossEntropyLoss shares", (SCORES, SHARES)),
        LossCase("CrossEntropyLoss shares, weighted, smoothed", (SCORES, SHARES),
                 {"weight": WEIGHTS, "label_smoothing": 0.3}),
        LossCase("CrossEntropyLoss shares of places", (PLACES, np.moveaxis(RNG.dirichlet(np.ones(3), (2, 4)), -1, 1))),
        LossCase("CrossEntropyLoss of one row", (SCORES[0], LABELS[0])),
        LossCase("NLLLoss", (LOGS, LABELS)),
        LossCase("NLLLoss weighted, ignored", (LOGS, SOME), {"weight": WEIGHTS}),
        LossCase("NLLLoss places", (PLACES, PLACE_LABELS)),
        LossCase("MSELoss", (SCORES, TARGETS)),
        LossCase("L1Loss", (SCORES, TARGETS)),
        LossCase("SmoothL1Loss", (SCORES, TARGETS), {"beta": 0.7}),
        LossCase("HuberLoss", (SCORES, TARGETS), {"delta": 0.7}),
        LossCase("BCELoss", (PROBABILITIES, BITS), constant=(1,)),
        LossCase("BCELoss weighted", (PROBABILITIES, BITS), {"weight": WEIGHTS}, (1,)),
        LossCase("BCEWithLogitsLoss", (SCORES, SHARES)),
        LossCase("BCEWithLogitsLoss weighted", (SCORES, BITS), {"weight": WEIGHTS, "pos_weight": WEIGHTS[::-1].copy()}),
        LossCase("KLDivLoss", (LOGS, SHARES)),
        LossCase("KLDivLoss logarithms", (LOGS, np.log(SHARES)), {"log_target": True}),
        LossCase("PoissonNLLLoss", (SCORES, BITS), constant=(1,)),
        LossCase("PoissonNLLLoss rates", (PROBABILITIES, BITS), {"log_input": False}, (1,)),
        LossCase("PoissonNLLLoss full", (SCORES, COUNTS), {"full": True}, (1,)),
        LossCase("PoissonNLLLoss rates, full", (PROBABILITIES, COUNTS), {"log_input": False, "full": True}, (1,)),
        LossCase("GaussianNLLLoss", (SCORES, TARGETS, PROBABILITIES)),
        LossCase("GaussianNLLLoss full", (SCORES, TARGETS, PROBABILITIES), {"full": True}),
        LossCase("HingeEmbeddingLoss", (SCORES, SIGNS), {"margin": 0.5}, (1,)),
        LossCase("MarginRankingLoss", (SCORES, OTHER, SIGNS), {"margin": 0.5}, (2,)),
        LossCase("CosineEmbeddingLoss", (SCORES, OTHER, SIGNS[:, 0]), {"margin": 0.1}, (2,)),
        LossCase("MultiMarginLoss", (SCORES, LABELS)),
        LossCase("MultiMarginLoss squares", (SCORES, LABELS), {"p": 2, "margin": 0.7, "weight": WEIGHTS}),
        LossCase("MultiLabelMarginLoss", (SCORES, LISTS)),
        LossCase("MultiLabelSoftMarginLoss", (SCORES, BITS), {"weight": WEIGHTS}, (1,)),
        LossCase("SoftMarginLoss", (SCORES, SIGNS), constant=(1,)),
        LossCase("TripletMarginLoss", (SCORES, OTHER, TARGETS), {"margin": 1.5}),
        LossCase("TripletMarginLoss swapped", (SCORES, OTHER, TARGETS), {"margin": 1.5, "p": 3.0, "swap": True}),
        LossCase("CTCLoss", (FRAMES, SPELT, np.array([7, 5, 4]), np.array([3, 2, 1]))),
        LossCase("CTCLoss one after another",
                 (FRAMES, np.array([1, 2, 2, 3, 1]), np.array([7, 5, 4]), np.array([3, 2, 0]))),
        LossCase("CTCLoss too long", (FRAMES, np.maximum(SPELT, 1), np.array([7, 2, 3]), np.array([3, 3, 1])),
                 {"blank": 0, "zero_infinity": True}),
    ]  # fmt: skip
    kinds = [(case, reduction) for case in several for reduction in ("mean", "sum", "none")]
    cases = [attrs.evolve(c, name=f"{c.name}, {r}", options={**c.options, "reduction": r}) for c, r in kinds]
    cases = [
        attrs.evolve(c, name=c.name.replace(",", " ,", 1) if " " not in c.name.split(",")[0] else c.name) for c in cases
    ]
    return [*cases, LossCase("KLDivLoss batchmean", (LOGS, SHARES), {"reduction": "batchmean"})]


CASES = _cases()
