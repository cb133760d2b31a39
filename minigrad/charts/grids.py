"""Grids: a table of shares as shades, and small pictures in rows.

A confusion matrix is such a table; the weights of a first layer are such pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.charts.axis import text_width
from minigrad.charts.picture import Key
from minigrad.charts.png import data_uri
from minigrad.core.types import Array

__all__ = ["Heatmap", "Tiles"]

_TICK = 13.0
_LONGEST = 18
"""Characters of a name that are written; what is cut ends in a full stop."""


@attrs.frozen(eq=False, kw_only=True)
class Heatmap:
    """A table `(rows, columns)` of counts; shades are shares of each row.

    Attributes:
        counts: the numbers.
        row_names: one for each row.
        column_names: one for each column.
        row_title: what the rows are.
        column_title: what the columns are.
        title: above it, where it is one of several.
    """

    counts: Array
    row_names: Sequence[str]
    column_names: Sequence[str]
    row_title: str
    column_title: str
    title: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels: cells of 12 to 40, room for names."""
        rows, columns = self.counts.shape
        left, top = self._margins
        slanted = 0.6 * text_width(_short(self.column_names[-1]), _TICK) - self._cell / 2.0
        return left + columns * self._cell + max(8.0, slanted), top + rows * self._cell + 8.0

    @property
    def _cell(self) -> float:
        return float(max(min(40.0, 560.0 / max(self.counts.shape)), 6.0))

    @property
    def _margins(self) -> tuple[float, float]:
        left = 26.0 + max(text_width(_short(n), _TICK) for n in self.row_names)
        left = max(left, 12.0 + text_width(self.column_title, _TICK))  # which ends where the cells begin
        return left, 26.0 + 0.8 * max(text_width(_short(n), _TICK) for n in self.column_names)

    def legend(self) -> list[Key]:
        """None: the axes say what it shows."""
        return []

    def notes(self) -> list[str]:
        """What a shade means, and which names are left out."""
        every = self._every
        left_out = f"; names of every {every}th class are written" if every > 1 else ""
        return [f"shades are shares of the {self.row_title}, numbers are rows{left_out}"]

    @property
    def _every(self) -> int:
        return max(1, round(14.0 / self._cell + 0.49))

    def elements(self) -> list[str]:
        """Names, cells and counts as SVG elements."""
        return [*self._names(), *self._cells()]

    def _names(self) -> Iterator[str]:
        left, top = self._margins
        rows, columns = self.counts.shape
        cell = self._cell
        for i in range(0, rows, self._every):
            y = top + (i + 0.5) * cell + 4.5
            name = escape(_short(self.row_names[i]))
            yield f'<text class="tick small" x="{left - 6:.1f}" y="{y:.1f}" text-anchor="end">{name}</text>'
        for j in range(0, columns, self._every):
            x = left + (j + 0.5) * cell + 4.0
            name = escape(_short(self.column_names[j]))
            yield f'<text class="tick small" transform="translate({x:.1f} {top - 6:.1f}) rotate(-55)">{name}</text>'
        middle, title = top + rows * cell / 2.0, escape(self.column_title)
        yield (
            f'<text class="axis-label small" transform="translate(13 {middle:.1f}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.row_title)}</text>"
            f'<text class="axis-label small" x="{left - 6:.1f}" y="14" text-anchor="end">{title}</text>'
        )

    def _cells(self) -> Iterator[str]:
        left, top = self._margins
        cell = self._cell
        rows, columns = self.counts.shape
        shares = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1.0)
        yield (
            f'<rect class="frame" x="{left:.1f}" y="{top:.1f}" width="{columns * cell:.1f}" '
            f'height="{rows * cell:.1f}"/>'
        )
        for i, j in zip(*(k.tolist() for k in np.nonzero(self.counts)), strict=True):
            x, y, count = left + j * cell, top + i * cell, int(self.counts[i, j])
            title = f"{self.row_names[i]} as {self.column_names[j]}: {count} ({shares[i, j]:.1%})"
            yield (
                f'<rect class="f{0 if i == j else 1}" fill-opacity="{0.08 + 0.72 * shares[i, j]:.2f}" x="{x:.1f}" '
                f'y="{y:.1f}" width="{cell:.1f}" height="{cell:.1f}"><title>{escape(title)}</title></rect>'
            )
            if text_width(str(count), 11.0) < cell - 2.0:
                yield (
                    f'<text class="cell-text" x="{x + cell / 2:.1f}" y="{y + cell / 2 + 4:.1f}" '
                    f'text-anchor="middle">{count}</text>'
                )


@attrs.frozen(eq=False, kw_only=True)
class Tiles:
    """Small pictures in rows.

    Attributes:
        images: `(n, H, W)` numbers of both signs, blue below 0 and red above, each relative to its own largest; or
            `(n, H, W, 3)` colors in [0, 1].
        captions: below each, in up to two lines, or none.
        title: above them, where they are one of several.
        remark: in the notes.
        width: in pixels.
    """

    images: Array
    captions: Sequence[str] = ()
    title: str = ""
    remark: str = ""
    width: float = 560.0

    @property
    def _columns(self) -> int:
        count = len(self.images)
        if self.captions:
            return min(count, 4)  # so that words can be read on a phone
        wide = min(count, max(4, int(np.ceil(np.sqrt(2.0 * count)))))
        full = [c for c in range(wide, 2 * wide) if count % c == 0]  # rows without gaps, if that is not too wide
        return full[0] if full else wide

    @property
    def _side(self) -> float:
        return min(110.0, (self.width - 4.0 * (self._columns - 1)) / self._columns)

    @property
    def _step(self) -> tuple[float, float]:
        height = self._side * self.images.shape[1] / self.images.shape[2]
        return self._side + 4.0, height + self._below

    @property
    def _below(self) -> float:
        """Pixels below a picture, for its caption."""
        return 4.0 + 16.0 * max((len(text.splitlines()) for text in self.captions), default=0)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        rows = -(-len(self.images) // self._columns)
        return self._columns * self._step[0], rows * self._step[1]

    def legend(self) -> list[Key]:
        """None."""
        return []

    def notes(self) -> list[str]:
        """The remark."""
        return [self.remark] if self.remark else []

    def elements(self) -> list[str]:
        """One element for each picture, which holds its pixels, and one for each caption."""
        parts = []
        wide, high = self._step
        image_height = high - self._below
        for k, image in enumerate(self.images):
            x, y = k % self._columns * wide, k // self._columns * high
            parts.append(
                f'<image class="pixels" x="{x:.1f}" y="{y:.1f}" width="{self._side:.1f}" height="{image_height:.1f}" '
                f'preserveAspectRatio="none" href="{data_uri(_pixels(image))}"/>'
            )
            for row, line in enumerate(self.captions[k].splitlines() if self.captions else ()):
                text = _short(line, max(4, int(self._side / 6.6)))
                parts.append(
                    f'<text class="chart-text" x="{x + self._side / 2:.1f}" y="{y + image_height + 13 + 15 * row:.1f}" '
                    f'text-anchor="middle">{escape(text)}</text>'
                )
        return parts


def _pixels(image: Array) -> NDArray[np.uint8]:
    """Compute red, green, blue and opacity of each pixel.

    Numbers of both signs by opacity, so that 0 is the ground, light or dark.
    """
    if image.ndim == 3:
        opaque = np.ones((*image.shape[:2], 1))
        colors: NDArray[np.uint8] = np.rint(255.0 * np.clip(np.concatenate([image, opaque], axis=2), 0.0, 1.0)).astype(
            np.uint8
        )
        return colors
    finite = np.where(np.isfinite(image), image, 0.0)
    bound = float(np.abs(finite).max()) or 1.0
    pixels: NDArray[np.uint8] = np.zeros((*image.shape, 4), dtype=np.uint8)
    pixels[finite > 0.0, :3] = 214, 64, 54
    pixels[finite <= 0.0, :3] = 45, 122, 196
    pixels[..., 3] = np.rint(255.0 * np.abs(finite) / bound)
    return pixels


def _short(name: str, longest: int = _LONGEST) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}."
