"""What a page of the reference is."""

from __future__ import annotations

import attrs

__all__ = ["Page"]


@attrs.frozen
class Page:
    """A page in Markdown.

    Attributes:
        path: below the folder of sources, without a suffix, such as "reference/ops/activation".
        text: Markdown.
    """

    path: str
    text: str
