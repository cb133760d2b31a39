"""Several things that are done to gradients before any rule sees them, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from minigrad.core.types import Array
from minigrad.optim.errors import HyperparameterError
from minigrad.optim.gradient_transforms import Clip
from minigrad.optim.protocol import Segment

__all__ = ["ClipChain", "chained"]


@attrs.frozen
class ClipChain(Clip):
    """Clips in turn: each is given what the one before it made of the gradients.

    Attributes:
        clips: from the first to the last; a subclass of Clip may do anything to gradients.
    """

    clips: tuple[Clip, ...]

    def __call__(
        self, gradients: Sequence[Array], weights: Sequence[Array], layouts: Sequence[tuple[Segment, ...]]
    ) -> list[Array]:
        for clip in self.clips:
            gradients = clip(gradients, weights, layouts)
        return list(gradients)


def chained(clip: Any) -> Any:
    """A list or tuple of Clips as one; anything else as it is.

    Raises:
        HyperparameterError: an entry is no Clip; names it.
    """
    if not isinstance(clip, list | tuple):
        return clip
    for place, part in enumerate(clip):
        if not isinstance(part, Clip):
            raise HyperparameterError(
                f"optimizer.clip[{place}] must be ClipNorm, ClipValue, ClipAdaptive or a Clip, got {part!r:.80}"
            )
    return ClipChain(tuple(clip))
