"""A search over hyperparameters of a model script, the command `minigrad sweep`: see `sweep` and `space`."""
