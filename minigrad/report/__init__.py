"""One page about a run: `report.html`, which needs nothing but a browser.

>>> report.write_report(history, doctor.diagnosis, title="run 1", command="minigrad run net.py")
"""

from minigrad import lazy

_PUBLIC = {"page": "write_report"}
_RENAMED = {"Chart": "minigrad.charts:LineChart", "Line": "minigrad.charts:Line"}

__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC, renamed=_RENAMED)
