"""A search over hyperparameters of a model script, the command `minigrad sweep`.

See `sweep` and `space`.
"""
