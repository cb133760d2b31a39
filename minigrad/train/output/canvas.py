"""What the pictures of a run share: size, colours, axes in epochs. matplotlib is imported when something is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minigrad.train.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["TRAIN", "VAL", "axes_of", "blank", "captioned", "in_epochs", "spread"]

TRAIN, VAL = "#1f77b4", "#d62728"


def blank(width: float = 7.0, height: float = 4.4) -> Figure:
    """An empty figure, in inches; the object, not pyplot: no window, no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def captioned(history: History, title: str) -> str:
    """A title with data and optimizer behind it."""
    words = [str(history.config[key]).split(" ")[0] for key in ("data", "optimizer") if key in history.config]
    about = [word for word in words if not word[0].isdigit()]  # arrays have no name, only numbers of rows
    return f"{title}   ({', '.join(about)})" if about else title


def axes_of(history: History, title: str, quantity: str) -> tuple[Figure, Axes]:
    """A figure with one pair of axes: epochs, and a quantity with its unit."""
    figure = blank()
    axes = figure.add_subplot()
    axes.set_title(captioned(history, title))
    axes.set_ylabel(quantity)
    in_epochs(axes)
    return figure, axes


def in_epochs(axes: Axes) -> None:
    """Epochs, whole numbers, along x; a light grid; no frame at the top and on the right."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def spread(items: Sequence[int], count: int) -> list[int]:
    """Up to `count` of the items, evenly spaced, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(k * (len(items) - 1) / (count - 1))] for k in range(count)]
