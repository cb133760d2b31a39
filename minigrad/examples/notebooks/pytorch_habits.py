"""The training loop that one knows from PyTorch."""

# %% [markdown]
# # The loop that you know from PyTorch
#
# The names differ little; what does is in the table of `minigrad/train/COMING_FROM_PYTORCH.md`.

# %%
import minigrad as mg
from minigrad import data, nn

wine = data.load("wine").scaled()
model = nn.Sequential(nn.Linear(13, 32, rng=0), nn.ReLU(), nn.Linear(32, 3, rng=1))
optimizer = mg.optimizer("adam", model.parameters(), lr=0.01)
loader = data.Loader(wine.x_train, wine.y_train, 32, seed=0)

# %%
for _epoch in range(20):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = mg.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

# %% [markdown]
# `model.eval()` and `mg.no_grad()` do what they do there; arrays of NumPy go in and come out.

# %%
model.eval()
with mg.no_grad():
    right = model(wine.x_val).numpy().argmax(axis=1) == wine.y_val
accuracy = float(right.mean())
assert accuracy > 0.9
accuracy

# %% [markdown]
# A step may be traced once and repeated as a program, with the same numbers:


# %%
@mg.define
def step(x, y):
    optimizer.zero_grad()
    loss = mg.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


for x, y in data.Loader(wine.x_train, wine.y_train, 32, seed=1, drop_last=True):
    loss = step(x, y)
step
