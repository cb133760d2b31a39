"""The character corpus: what the text is, coding and back, windows, and a split without overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad.data as data


def test_genesis_and_psalms_are_whole() -> None:
    kjv = data.load_text("kjv")
    assert list(kjv.sections) == ["genesis", "psalms"]
    assert (len(kjv.text), len(kjv.alphabet)) == (420_748, 63)
    counts = {name: (len(text.split("\n\n")), sum(map(bool, text.split("\n")))) for name, text in kjv.sections.items()}
    assert counts == {"genesis": (50, 1533), "psalms": (150, 2461)}  # chapters and verses of the King James Version
    assert kjv.text.startswith("In the beginning God created the heaven and the earth.\n")
    assert "The LORD is my shepherd; I shall not want.\n" in kjv.text
    assert kjv.text.endswith("Praise ye the LORD.\n")
    assert kjv.text.isascii()


TEXT = st.text("abcdef \n", min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_coding_and_back(text: str) -> None:
    corpus = data.Corpus("t", {"only": text})
    numbers = corpus.encode(text)
    assert corpus.decode(numbers) == text
    assert set(numbers.tolist()) == set(range(len(corpus.alphabet)))


def test_strangers_are_refused() -> None:
    corpus = data.Corpus("t", {"only": "abc"})
    with pytest.raises(data.DataError, match="character 'z' at 1"):
        corpus.encode("az")
    for numbers in (np.array([3]), np.array([-1]), np.array([0.5])):
        with pytest.raises(data.DataError, match="integers from 0 to 2"):
            corpus.decode(numbers)
    with pytest.raises(data.DataError, match="no text"):
        data.Corpus("t", {"only": ""})


@settings(max_examples=60, deadline=None)
@given(count=st.integers(0, 60), length=st.integers(1, 20))
def test_windows_tile_the_text_and_targets_are_the_next_characters(count: int, length: int) -> None:
    numbers = np.arange(count)
    if count < length + 1:
        with pytest.raises(data.DataError, match=f"at least {length + 1}"):
            data.sequences(numbers, length)
        return
    x, y = data.sequences(numbers, length)
    assert x.shape == y.shape == ((count - 1) // length, length)
    np.testing.assert_array_equal(x.reshape(-1), np.arange(x.size))
    np.testing.assert_array_equal(y, x + 1)


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(st.integers(20, 90), min_size=1, max_size=3), val=st.floats(0.1, 0.5))
def test_each_section_is_cut_at_its_end(parts: list[int], val: float) -> None:
    letters = "abcdefghij"
    sections = {str(i): (letters * 10)[:size] for i, size in enumerate(parts)}
    train, held = data.Corpus("t", sections).split(val)
    assert len(held) == sum(round(val * size) for size in parts)
    assert len(train) + len(held) == sum(parts)
    for text in sections.values():
        assert text[: len(text) - round(val * len(text))] in train
        assert text[len(text) - round(val * len(text)) :] in held


def test_dataset_for_a_character_model() -> None:
    it = data.load_text().dataset(length=32, val=0.1)
    assert (it.kind, it.classes, it.input_shape) == ("text", 63, (32,))
    assert (it.x_train.dtype.name, it.y_train.dtype.name) == ("int64", "int64")
    np.testing.assert_array_equal(it.x_train[:, 1:], it.y_train[:, :-1])
    assert "".join(it.class_names[int(i)] for i in it.x_train[0]) == "In the beginning God created the"
    assert it.scaled() is it
    data.check(it)
    assert len(it.x_val) / (len(it.x_train) + len(it.x_val)) == pytest.approx(0.1, abs=0.001)
    assert data.load("kjv").kind == "text"
