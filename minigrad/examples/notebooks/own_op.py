"""An op of one's own: registered, certified, and a wrong one refused."""

# %% [markdown]
# # An op of your own, checked before it exists

# %%
import numpy as np

import minigrad as mg


@mg.op(x=mg.real(), elementwise=True)
def bent(x):
    """(sqrt(x^2 + 1) - 1) / 2 + x, the bent identity."""
    return (np.sqrt(x * x + 1.0) - 1.0) / 2.0 + x


@bent.vjp("x")
def _(g, y, x):
    return g * (x / (2.0 * mg.sqrt(x * x + 1.0)) + 1.0)


mg.register(bent)
bent.certificate

# %% [markdown]
# A wrong rule is refused, with the entry that gives it away:

# %%
wrong = mg.op(x=mg.real(), name="squash")(lambda x: np.tanh(x))
wrong.vjp("x")(lambda g, y, x: g * (1.0 - y))
try:
    mg.register(wrong)
except mg.MinigradError as error:
    print(error)

# %% [markdown]
# Gradients of any order come from the one rule:

# %%
third = mg.grad(mg.grad(mg.grad(mg.bent)))
assert np.isfinite(third(0.5))
third(0.5)
