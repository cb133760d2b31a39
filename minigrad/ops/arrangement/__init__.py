"""Ops that move entries: shapes, indices, joins, gathers."""
