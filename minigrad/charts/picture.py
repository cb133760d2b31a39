"""A picture: one plot or several side by side, with title, legend and notes.

It stands in a page or in a file of its own.
"""

from __future__ import annotations

from html import escape
from typing import Protocol

import attrs

from minigrad.charts.axis import text_width
from minigrad.charts.style import FILE_STYLE

__all__ = ["Key", "Picture", "Plot"]

_MARGIN, _TITLE, _ROW, _PANEL_TITLE = 14, 30, 22, 20


@attrs.frozen
class Key:
    """An entry of a legend.

    Attributes:
        name: what it says.
        style: classes of the line that stands for it.
        color: of that line where no class gives it.
    """

    name: str
    style: str
    color: str = ""


class Plot(Protocol):
    """What a picture is made of: something with a size that knows its SVG elements."""

    @property
    def title(self) -> str:
        """Above it, where a picture has several plots."""
        ...

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        ...

    def elements(self) -> list[str]:
        """SVG elements that lie inside `(0, 0, *size)`."""
        ...

    def legend(self) -> list[Key]:
        """Entries of the legend."""
        ...

    def notes(self) -> list[str]:
        """What the picture leaves out, in words."""
        ...


@attrs.frozen(kw_only=True)
class Picture:
    """Plots under one title.

    Attributes:
        name: of its file, without a suffix.
        title: heading.
        subtitle: behind the heading, smaller: a quantity, a hint.
        plots: shown in rows of `columns`.
        columns: plots in a row of the file; a page takes as many as fit.
        remarks: what the picture leaves out besides what its plots say.
    """

    name: str
    title: str
    subtitle: str = ""
    plots: tuple[Plot, ...]
    columns: int = 1
    remarks: tuple[str, ...] = ()

    def legend(self) -> list[Key]:
        """Entries of all legends, each once."""
        return list(dict.fromkeys(key for plot in self.plots for key in plot.legend()))

    def notes(self) -> list[str]:
        """What is not visible, in words."""
        several = len(self.plots) > 1
        own = [f"{p.title}: {note}" if several else note for p in self.plots for note in p.notes()]
        return [*self.remarks, *own]

    def figure(self) -> str:
        """An HTML `<figure>`; the page gives the style (`CHART_STYLE` and that of `page_style`)."""
        svgs = "".join(self._inline(plot) for plot in self.plots)
        subtitle = f" <small>{escape(self.subtitle)}</small>" if self.subtitle else ""
        legend = "".join(
            f'<span class="key"><i class="{key.style}"{_border(key)}></i>{escape(key.name)}</span>'
            for key in self.legend()
        )
        notes = "".join(f'<p class="chart-note">{escape(note)}</p>' for note in self.notes())
        figure = '<figure class="wide">' if len(self.plots) > 1 else "<figure>"
        return (
            f"{figure}<figcaption>{escape(self.title)}{subtitle}</figcaption>"
            f'<div class="{"plots" if len(self.plots) > 1 else "plot"}">{svgs}</div>'
            + (f'<div class="legend">{legend}</div>' if legend else "")
            + f"{notes}</figure>"
        )

    def _inline(self, plot: Plot) -> str:
        width, height = plot.size
        label = escape(f"{self.title}: {plot.title}" if plot.title else self.title, quote=True)
        heading = f"<span>{escape(plot.title)}</span>" if len(self.plots) > 1 else ""
        return (
            f'<div>{heading}<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{label}" '
            f'style="max-width:{1.6 * width:.0f}px">{"".join(plot.elements())}</svg></div>'
        )

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        return self.svg()

    def svg(self) -> str:
        """Write an SVG file of its own, with ground, title, plots, legend and notes.

        It is light or dark as the viewer prefers.
        """
        parts, width, y = self._laid_out()
        entries, y = self._legend_rows(width, y + 6)
        notes = []
        for note in self.notes():
            for line in _wrapped(note, width - 2 * _MARGIN):
                y += 16
                notes.append(f'<text class="chart-text" x="{_MARGIN}" y="{y:.0f}">{escape(line)}</text>')
        height = y + _MARGIN
        title = escape(f"{self.title} ({self.subtitle})" if self.subtitle else self.title)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(self.title, quote=True)}">'
            f"<style>{FILE_STYLE}</style><title>{title}</title>"
            f'<rect class="ground" width="100%" height="100%"/>'
            f'<text class="chart-title" x="{_MARGIN}" y="24">{escape(self.title)}'
            f'<tspan class="chart-text" dx="8" font-weight="400">{escape(self.subtitle)}</tspan></text>'
            f"{''.join((*parts, *entries, *notes))}</svg>\n"
        )

    def _laid_out(self) -> tuple[list[str], float, float]:
        """The plots in rows, the width of the picture, and where the last row ends."""
        several = len(self.plots) > 1
        rows = [self.plots[k : k + self.columns] for k in range(0, len(self.plots), self.columns)]
        heading = text_width(self.title, 16.0) + text_width(self.subtitle, 12.0) + 8.0
        wide = max(heading, *(sum(p.size[0] for p in row) + _MARGIN * (len(row) - 1) for row in rows))
        parts, y = [], float(_MARGIN + _TITLE)
        for row in rows:
            x = float(_MARGIN)
            top = y + (_PANEL_TITLE if several else 0)
            for plot in row:
                if several:
                    parts.append(f'<text class="axis-label" x="{x:.0f}" y="{top - 6:.0f}">{escape(plot.title)}</text>')
                parts.append(f'<g transform="translate({x:.0f} {top:.0f})">{"".join(plot.elements())}</g>')
                x += plot.size[0] + _MARGIN
            y = top + max(p.size[1] for p in row)
        return parts, wide + 2 * _MARGIN, y

    def _legend_rows(self, width: float, y: float) -> tuple[list[str], float]:
        """The legend in rows as wide as the picture, and where it ends."""
        parts: list[str] = []
        x = float(_MARGIN)
        for key in self.legend():
            needed = 34.0 + text_width(key.name, 13.0)
            if x + needed > width - _MARGIN and x > _MARGIN:
                x, y = float(_MARGIN), y + _ROW
            text = f'<text class="tick" x="{x + 26:.0f}" y="{y + 16:.0f}">{escape(key.name)}</text>'
            parts += [_symbol(key, x, y + 12.0), text]
            x += needed + 12.0
        return parts, y + (_ROW if parts else 0)


def _symbol(key: Key, x: float, y: float) -> str:
    """A line of 20 pixels, or the area or ring that the key stands for, around the height `y`."""
    if key.style.endswith(" points"):
        return f'<circle class="line {key.style}" cx="{x + 10:.0f}" cy="{y:.0f}" r="2.5"/>'
    if key.style == "ring":
        return f'<circle class="ring" cx="{x + 10:.0f}" cy="{y:.0f}" r="5.5"/>'
    if key.style.endswith(" area"):
        fill = "f" + key.style[1 : key.style.index(" ")]
        return f'<rect class="band {fill}" x="{x:.0f}" y="{y - 6:.0f}" width="20" height="12"/>'
    color = f' style="stroke:{key.color}"' if key.color else ""
    return f'<line class="line {key.style}"{color} x1="{x:.0f}" x2="{x + 20:.0f}" y1="{y:.0f}" y2="{y:.0f}"/>'


def _border(key: Key) -> str:
    return f' style="border-color:{key.color}"' if key.color else ""


def _wrapped(text: str, width: float) -> list[str]:
    """Words in lines of at most `width` pixels."""
    lines = [""]
    for word in text.split():
        if lines[-1] and text_width(f"{lines[-1]} {word}", 12.0) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
