"""Passes: each takes a graph and returns one that does the work with less effort.

See `pipeline`.
"""
