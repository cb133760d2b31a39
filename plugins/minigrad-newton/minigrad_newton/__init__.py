"""Newton's method for minigrad, as an entry-point plugin."""

from minigrad_newton.newton import Newton

__all__ = ["Newton"]
