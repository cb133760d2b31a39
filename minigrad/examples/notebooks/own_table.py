"""A table of one's own, from rows to a model in use."""

# %% [markdown]
# # From a table of your own to a model in use
#
# A frame of pandas or polars, a CSV file or a dict of columns: all are loaded in the same way.

# %%
import random
import tempfile

import minigrad as mg
from minigrad import data, nn, train

random.seed(0)
towns = {"Ulm": 10_000, "Bonn": 40_000, "Berlin": 90_000}
rows = [{"area": random.gauss(100, 30), "town": random.choice(list(towns))} for _ in range(300)]
houses = [{**row, "price": round(2_000 * row["area"] + towns[row["town"]] + random.gauss(0, 8_000))} for row in rows]
table = data.load(houses, target="price").scaled()
table

# %% [markdown]
# What the model will get:

# %%
train.show_batch(table)

# %%
model = nn.mlp(table.features, [32], 1, rng=0)
folder = tempfile.mkdtemp()
history = train.fit(model, table, lr=0.01, epochs=25, metrics=["r2", "rmse"], callbacks=[train.RunFolder(folder)])

# %% [markdown]
# The run is a model: whoever loads it predicts in euros, from rows as they are.

# %%
run = mg.load(folder, model=nn.mlp(table.features, [32], 1))
run.predict([{"area": 120.0, "town": "Bonn"}, {"area": 60.0, "town": "Ulm"}])

# %%
figures = run.evaluate(houses)
assert figures["r2"] > 0.9
figures
