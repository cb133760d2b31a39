"""Charts as SVG, in a page or in a file of their own.

Text and lines, light and dark, nothing to install.

>>> from minigrad.charts import Line, LineChart, Picture
>>> chart = LineChart(lines=(Line("training", [1, 2, 3], [2.0, 1.0, 0.5]),), ylabel="loss")
>>> Path("loss.svg").write_text(Picture(name="loss", title="Loss", plots=(chart,)).svg())
"""

from minigrad import lazy

_PUBLIC = {
    "grids": "Heatmap Tiles",
    "line_chart": "Band Dot Line LineChart Span thin_out",
    "picture": "Key Picture Plot",
    "style": "CHART_STYLE COLORS",
}

__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC)
