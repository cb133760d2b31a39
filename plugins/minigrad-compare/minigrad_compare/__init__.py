"""Optimizers side by side: `minigrad compare`.

`compare` holds problems and results, `problems` those by name.
"""
