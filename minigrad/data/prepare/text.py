"""Plain text as numbers of characters, in windows, for models of the next one."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.data.errors import DataError, DataFileError
from minigrad.data.files import no_file_but
from minigrad.data.prepare.encodings import encoding_of, undecodable

__all__ = ["TextInputs", "read_text"]

_EXPECTED = "a text file in UTF-8"


@attrs.frozen(slots=False)
class TextInputs:
    """Characters as their numbers in an alphabet.

    Attributes:
        alphabet: every character that was trained on, sorted.
        window: characters that the model reads at a time.
    """

    alphabet: str
    window: int

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {character: k for k, character in enumerate(self.alphabet)}

    def encode(self, text: str, where: str = "text") -> NDArray[np.int64]:
        """Numbers of the characters `(len(text),)`.

        Args:
            text: of any length.
            where: what it is called in errors.

        Raises:
            DataError: a character was not trained on; names its line and column.
        """
        numbers = self._numbers
        try:
            return np.fromiter((numbers[c] for c in text), dtype=np.int64, count=len(text))
        except KeyError as error:
            at = text.index(str(error.args[0]))
            line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
            raise DataError(
                f"{where} line {line}, column {column}: the character {error.args[0]!r} is none of the "
                f"{len(self.alphabet)} that were trained on"
            ) from None

    def decode(self, numbers: NDArray[np.integer]) -> str:
        """The text of character numbers."""
        return "".join(self.alphabet[int(k)] for k in numbers)

    def windows(self, path: str | os.PathLike[str], rows: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Windows of a file, and the next character of each place, up to `rows` at a time.

        The last characters, which fill no window, come as one of their own.

        Raises:
            DataFileError: the file is missing, no text, or too short.
            DataError: a character was not trained on.
        """
        text = read_text(path)
        numbers = self.encode(text, Path(path).name)
        if len(numbers) < 2:
            raise DataFileError(Path(path), f"{len(numbers)} characters", "two or more, to predict one from another")
        count = (len(numbers) - 1) // self.window
        whole = count * self.window
        x, y = (numbers[k : k + whole].reshape(count, self.window) for k in (0, 1))
        for start in range(0, count, rows):
            yield x[start : start + rows], y[start : start + rows]
        if whole < len(numbers) - 1:
            yield numbers[None, whole:-1], numbers[None, whole + 1 :]


def read_text(path: str | os.PathLike[str]) -> str:
    """A whole text file, with line ends as newlines.

    It is in UTF-8, or in UTF-16 or UTF-32 where its first bytes say so.

    Raises:
        DataFileError: it is missing, cannot be read, or is not in UTF-8; names the line.
    """
    file = Path(path)
    if found := no_file_but(file, pipes=True):
        raise DataFileError(file, found, _EXPECTED)
    content = b""
    try:
        content = file.read_bytes()
        encoding = encoding_of(file, content[:4096], _EXPECTED)
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except FileNotFoundError:
        raise DataFileError(file, "no such file", _EXPECTED) from None
    except UnicodeDecodeError:
        raise undecodable(file, io.BytesIO(content), encoding, _EXPECTED) from None
    except OSError as error:
        raise DataFileError(file, f"cannot be read ({error.strerror or error})", _EXPECTED) from error
