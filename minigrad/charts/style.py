"""How charts look, on a page and in a file of their own.

The colours can be told apart, on light and on dark ground.
"""

from __future__ import annotations

import colorsys

__all__ = ["CHART_STYLE", "COLORS", "FILE_STYLE", "ramp", "switched_style"]

_LIGHT = ("#1f6fb4", "#c8372d", "#2b8a3e", "#8e44ad", "#b8690b", "#0b8793", "#a8326d", "#68727c")
_DARK = ("#6cb2f0", "#ff8a80", "#7ddc9c", "#d0a3ec", "#f2b05e", "#5ed3df", "#f39ac7", "#a2acb6")
COLORS = len(_LIGHT)
"""Classes c0 to c7; for more lines than that there is `ramp`."""


def _colors(values: tuple[str, ...]) -> str:
    return "".join(f".c{i}{{stroke:{c}}}.f{i}{{fill:{c}}}i.c{i}{{border-color:{c}}}" for i, c in enumerate(values))


def _tones(text: str, soft: str, rule: str, ground: str) -> str:
    return (
        f".chart-title{{fill:{text}}}.tick,.axis-label,.chart-text{{fill:{soft}}}.grid{{stroke:{rule}}}.axis{{stroke:{soft}}}"
        f".ring{{stroke:{text}}}.cell-text{{fill:{text}}}.ground{{fill:{ground}}}.frame{{stroke:{rule}}}"
    )


_LIGHT_STYLE = _tones("#1c2024", "#5b6570", "#d9dee3", "#ffffff") + _colors(_LIGHT)
_DARK_STYLE = _tones("#e6e9ec", "#a2acb6", "#353c43", "#14171a") + _colors(_DARK)

# Custom properties would be shorter, but viewers other than browsers do not know them.
_FORMS = (
    ".grid,.axis,.frame{stroke-width:1;fill:none}.tick,.axis-label{font-size:13px}.chart-text{font-size:12px}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.faint{stroke-width:1;opacity:.4}"
    ".dashed{stroke-dasharray:5 4}.dotted{stroke-dasharray:1.5 3.5}.thin{stroke-width:1.3}"
    ".points{stroke-width:1;opacity:.7}"
    ".band{opacity:.14;stroke:none}.ring{fill:none;stroke-width:1.5}.off{stroke:none}"
    ".cell-text{font-size:11px}.pixels{image-rendering:pixelated}"
)
CHART_STYLE = f"{_FORMS}{_LIGHT_STYLE}@media (prefers-color-scheme:dark){{{_DARK_STYLE}}}"
"""Rules for everything a chart draws; also right inside a page."""

FILE_STYLE = f"text{{font-family:system-ui,sans-serif}}.chart-title{{font-size:16px;font-weight:600}}{CHART_STYLE}"
"""For a file of its own, which has a ground and a title besides."""


def switched_style(attribute: str) -> str:
    """Rules for a page whose reader switches between light and dark by hand.

    Args:
        attribute: of the body, which is "light" or "dark" where that was chosen. Else the page follows the system.
    """
    light, dark = f"body[{attribute}=light]", f"body[{attribute}=dark]"
    system = f"@media (prefers-color-scheme:dark){{body:not([{attribute}=light]){{{_DARK_STYLE}}}}}"
    return f"{_FORMS}{_LIGHT_STYLE}{system}{light}{{{_LIGHT_STYLE}}}{dark}{{{_DARK_STYLE}}}"


def ramp(index: int, count: int) -> str:
    """Return color `index` of `count` that stand in an order (depth of a layer, time).

    It is legible on light and on dark ground.
    """
    share = index / max(count - 1, 1)
    red, green, blue = colorsys.hls_to_rgb(0.72 - 0.62 * share, 0.52, 0.62)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
