"""What is wrong with a run: a rate that is too high, and a range of better ones."""

# %% [markdown]
# # What is wrong with this run?
#
# A rate that is a thousand times too high, and what is said about it.

# %%
from minigrad import data, nn, train
from minigrad.diagnosis import Doctor
from minigrad.train.lr_find import lr_find
from minigrad.train.splits import as_split

digits = data.load("digits").scaled()
doctor = Doctor()
model = nn.mlp(64, [32], 10, rng=0)
history = train.fit(model, digits, lr=3.0, epochs=3, checks=False, callbacks=[doctor])

# %%
assert any(finding.kind == "FAULT" for finding in doctor.diagnosis.findings)
doctor.diagnosis

# %% [markdown]
# A range of rates, with its reason:

# %%
model = nn.mlp(64, [32], 10, rng=0)
rates = lr_find(model, as_split(digits, model.parameters()[0].dtype), nn.find_loss("softmax"))
print(rates.reason)
rates.suggested

# %%
history = train.fit(model, digits, lr=min(rates.suggested, 0.01), epochs=5)
assert history.best.val_accuracy > 0.93
