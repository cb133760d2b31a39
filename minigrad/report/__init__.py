"""`report.html`: everything about a run on one page, which needs no network, no server and nothing installed."""

from minigrad.report.chart import Chart, Line
from minigrad.report.page import write_report

__all__ = ["Chart", "Line", "write_report"]
