"""The numbers that the standard names."""

from math import e, inf, nan, pi

__all__ = ["e", "inf", "nan", "pi"]
