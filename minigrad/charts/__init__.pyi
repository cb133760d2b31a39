"""The public names of minigrad.charts, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.charts.grids import Heatmap as Heatmap, Tiles as Tiles
from minigrad.charts.line_chart import (
    Band as Band, Dot as Dot, Line as Line, LineChart as LineChart, Span as Span, thin_out as thin_out,
)
from minigrad.charts.picture import Key as Key, Picture as Picture, Plot as Plot
from minigrad.charts.style import CHART_STYLE as CHART_STYLE, COLORS as COLORS

__all__: list[str]
