"""Names that people know from PyTorch: each says what stands in its place, and what it says exists."""

from __future__ import annotations

import re

import pytest

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.api import OTHER_WORDS


@pytest.mark.parametrize("name", OTHER_WORDS)
def test_a_name_from_elsewhere_says_what_to_use(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(mg, name)
    text = str(caught.value)
    assert "Did you mean" not in text
    for word in re.findall(r"(?:^|[ :])([a-z_]+(?:\.[A-Za-z_]+)*)\(", text.split(": ", 1)[1]):
        if word.split(".")[0] in ("numpy", "model", "loss", "isinstance"):
            continue
        owner: object = mg
        for part in word.split("."):
            owner = getattr(owner, part)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "lr_scheduler"])
def test_optimizers_are_made_by_name(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(optim, name)
    made = re.search(r"mg\.optimizer\('([a-z-]+)'", str(caught.value))
    if made is not None:
        mg.optimizer(made[1], nn.Linear(2, 2).named_parameters())
    else:
        assert "optim.Cosine" in str(caught.value)


@pytest.mark.parametrize("name", ["DataLoader", "TensorDataset", "ImageFolder", "read_csv", "random_split"])
def test_data_is_loaded_in_other_words(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(data, name)
    first = str(caught.value).split(": ", 1)[1].split("(")[0].split()[-1]
    assert callable(getattr(data, first, None)), first
