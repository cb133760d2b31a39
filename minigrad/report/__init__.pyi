"""The public names of minigrad.report, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.charts import Line as _Line, LineChart as _LineChart
from minigrad.report.page import write_report as write_report

Chart = _LineChart
Line = _Line
__all__: list[str]
