"""Pictures: a batch, a small convolutional network, a confusion matrix."""

# %% [markdown]
# # Pictures: a batch, a small convolutional network, and which class it takes for which

# %%
import numpy as np

from minigrad import data, nn, train

digits = data.load("digits").scaled("image")
train.show_batch(digits)

# %%
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, rng=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(16 * 4 * 4, 10, rng=2),
)
model.summary(digits.x_train[:2])

# %%
history = train.fit(model, digits, lr=3e-3, epochs=6)

# %%
with model.mode(training=False):
    predicted = model(digits.x_val).numpy().argmax(axis=1)
confusion = np.zeros((10, 10), dtype=int)
np.add.at(confusion, (digits.y_val, predicted), 1)
assert np.trace(confusion) / confusion.sum() > 0.93
confusion
