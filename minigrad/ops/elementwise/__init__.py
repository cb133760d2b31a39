"""Ops that work entry by entry: arithmetic, transcendental and piecewise functions."""
