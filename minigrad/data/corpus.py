"""A character corpus: text in sections, its alphabet, and its windows.

A character model trains on the windows.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.data.arrays import AnyDtypeArray, Array, Labels, make_readonly, real, whole
from minigrad.data.dataset import Dataset
from minigrad.data.embedded import CARDS, read_embedded
from minigrad.data.errors import DataError, DataFileError, UnknownDataError
from minigrad.data.prepare.preparation import Preparation
from minigrad.data.prepare.targets import ClassTarget
from minigrad.data.prepare.text import TextInputs, read_text


@attrs.frozen(slots=False)
class Corpus:
    """Text in named sections (books), in order.

    `alphabet` is every character that occurs, sorted.
    """

    name: str
    sections: dict[str, str] = attrs.field(repr=lambda sections: f"<{', '.join(sections)}>")
    source: str = attrs.field(default="", repr=False)

    def __attrs_post_init__(self) -> None:
        if not any(self.sections.values()):
            raise DataError(f"{self.name}: the corpus holds no text.")

    @cached_property
    def text(self) -> str:
        """All sections, one after the other."""
        return "".join(self.sections.values())

    @cached_property
    def alphabet(self) -> str:
        """The distinct characters, sorted; a character's number is its place here."""
        return "".join(sorted(set(self.text)))

    def encode(self, text: str) -> Labels:
        """Character numbers `(len(text),)`.

        Raises:
            DataError: a character is outside the alphabet; names its place.
        """
        number = {character: i for i, character in enumerate(self.alphabet)}
        for place, character in enumerate(text):
            if character not in number:
                raise DataError(f"{self.name}: character {character!r} at {place} is not in the corpus's alphabet.")
        return np.array([number[character] for character in text], dtype=np.int64)

    def decode(self, numbers: AnyDtypeArray) -> str:
        """The text of character numbers.

        Raises:
            DataError: a number is outside the alphabet.
        """
        array = np.asarray(numbers)
        if array.dtype.kind not in "iu" or (array.size and not 0 <= array.min() <= array.max() < len(self.alphabet)):
            raise DataError(f"{self.name}: character numbers are integers from 0 to {len(self.alphabet) - 1}.")
        return "".join(self.alphabet[i] for i in array.reshape(-1).tolist())

    def split(self, val: float = 0.1) -> tuple[str, str]:
        """(train, validation) text: of each section the last `val` of its characters is held out."""
        real("val", val, 0.0, 1.0, open_ends=True)
        cuts = {name: len(text) - round(val * len(text)) for name, text in self.sections.items()}
        train = "".join(text[: cuts[name]] for name, text in self.sections.items())
        return train, "".join(text[cuts[name] :] for name, text in self.sections.items())

    def dataset(self, length: int = 64, val: float = 0.1) -> Dataset:
        """Cut the text into windows of `length` characters without overlap.

        `x` is `(N, length)`, `y` the next character of each.

        No character of a validation window occurs in a training window.

        Raises:
            DataError: one side is too short for a single window.
        """
        (x_train, y_train), (x_val, y_val) = (sequences(self.encode(part), length) for part in self.split(val))
        names = tuple(self.alphabet)
        return Dataset(
            self.name, x_train, y_train, x_val, y_val, kind="text", class_names=names, source=self.source,
            preparation=Preparation(TextInputs(self.alphabet, length), ClassTarget("", names)),
        )  # fmt: skip


def sequences(numbers: NDArray[np.int64], length: int) -> tuple[Array, Array]:
    """Cut `numbers` into (x, y) of shape `(N, length)`.

    `x` holds consecutive windows of `numbers`, `y` the windows moved on by one place.

    The rest that fills no window is left out.

    Raises:
        DataError: there is no full window.
    """
    count = (len(numbers) - 1) // whole("length", length, 1)
    if count < 1:
        raise DataError(f"length={length}: {len(numbers)} characters hold no window; at least {length + 1} are needed.")
    x = numbers[: count * length].reshape(count, length).copy()
    return make_readonly(x), make_readonly(numbers[1 : count * length + 1].reshape(count, length).copy())


def read_corpus(path: str | os.PathLike[str]) -> Corpus:
    """A text file of one's own, in UTF-8.

    Raises:
        DataFileError: it is missing, empty, or no such text.
    """
    file = Path(path)
    text = read_text(file)
    if not text.strip():
        raise DataFileError(file, "no text", "a text file in UTF-8")
    if len(set(text)) == 1:
        raise DataFileError(file, f"only the character {text[0]!r}", "two or more: nothing is to be learnt of one")
    return Corpus(file.stem, {file.name: text}, f"the text in {file}")


def load_text(name: str = "kjv") -> Corpus:
    """An embedded text by name.

    Raises:
        UnknownDataError: there is none of that name; names the nearest one.
    """
    cards = {card.name: card for card in CARDS if card.kind == "text"}
    if name not in cards:
        raise UnknownDataError(name, cards)
    card = cards[name]
    sections = {key: array.tobytes().decode("ascii") for key, array in read_embedded(card).items()}
    return Corpus(card.name, sections, f"{card.source}. Licence: {card.licence}. See minigrad/data/DATASHEET.md.")
