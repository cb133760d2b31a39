"""Ops that sum, scan, sort or average along axes."""
