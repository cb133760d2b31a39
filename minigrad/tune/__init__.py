"""Former home of the range test and of the search.

They are now `minigrad.train.lr_find` and minigrad-sweep.
"""

from __future__ import annotations

from minigrad.plugins.moved import moved_names

__getattr__ = moved_names(
    __name__,
    "sweep",
    {"space": "Space SpaceError parse_space", "sweep": "Sweep Trial sweep"},
    renamed={"RateRange": "minigrad.train.lr_find:RateRange", "find_rate": "minigrad.train.lr_find:lr_find"},
)
