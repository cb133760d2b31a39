"""A text: a model of the next character that goes on with it."""

# %% [markdown]
# # A model of the next character
#
# Any text file will do; here it is a page of the King James Bible.

# %%
import tempfile
from pathlib import Path

import minigrad as mg
from minigrad import data, train
from minigrad.train.architectures import choose_architecture

folder = Path(tempfile.mkdtemp())
(folder / "tale.txt").write_text(data.load_text("kjv").text[:3_000], encoding="utf-8")
tale = data.load(folder / "tale.txt")
train.show_batch(tale, 8)

# %%
architecture = choose_architecture("lstm", tale, (24,))
run_folder = train.RunFolder(folder / "run", model=architecture.as_dict())
history = train.fit(
    architecture.build(0),
    tale,
    lr=0.02,
    epochs=5,
    batch_size=8,
    metrics=["perplexity"],
    callbacks=[run_folder],
    checks=False,
)

# %%
run = mg.load(folder / "run")
print(run.continue_text("In the beginning", 80, temperature=0.7))
assert history.best.metrics["perplexity"] < 20.0
