"""What is to be predicted: classes, labels or numbers, judged by the cells of its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs
import numpy as np

from minigrad.data.errors import DataError
from minigrad.data.prepare.cells import NumberStyle, as_number, as_word, is_missing, word_key
from minigrad.data.prepare.fit_columns import number_style
from minigrad.data.prepare.table import Table
from minigrad.data.prepare.targets import ClassTarget, LabelTarget, NumberTarget, Target

__all__ = ["FEW", "fit_target"]

FEW = 20
"""Whole numbers of at most so many different values, ten rows for each, are classes."""
_FLAGS = ({"0", "1"}, {"false", "true"}, {"no", "yes"}, {"n", "y"}, {"f", "t"})


def fit_target(table: Table, names: Sequence[str], task: str | None = None) -> Target:
    """What is to be predicted, from the cells of its columns.

    Args:
        table: the training rows.
        names: columns; several are several numbers.
        task: "classification", "regression" or "multilabel" where the cells leave it open, such as grades from 1 to 6.

    Raises:
        DataError: a cell is empty or of no use, a class is alone, or several columns are no numbers.
    """
    if len(set(names)) < len(names):
        raise DataError(f"target: {', '.join(map(repr, names)):.80} names a column twice")
    for name in names:
        for row, cell in enumerate(table.column(name)):
            if is_missing(cell):
                word = f" ({cell!r:.20} stands for a missing one)" if isinstance(cell, str) and cell.strip() else ""
                raise DataError(
                    f"{table.place(row, name)}: no value to learn from{word}. Fill it in, or leave the row out"
                )
    if task == "multilabel" or (task is None and len(names) > 1 and all(_is_flag(table.column(n)) for n in names)):
        return LabelTarget(tuple(names), tuple(_two_words(table, name) for name in names))
    if task == "classification" and len(names) > 1:
        raise DataError(f"{len(names)} columns are no single class: for answers of yes or no the task is multilabel")
    if task == "regression" or len(names) > 1 or (task is None and not _are_classes(table, names[0])):
        return _fit_numbers(table, names)
    words = _distinct_words(table, names[0])
    if len(words) < 2:
        raise DataError(f"{table.source}: column {names[0]!r} has the same class in every row: nothing to learn")
    if len(words) > max(2, len(table) // 2):
        raise DataError(
            f"{table.source}: column {names[0]!r} has {len(words)} different texts in {len(table)} rows, which are no "
            "classes. Name another column by target="
        )
    if task is None:
        _refuse_lists(table, names[0], words)
    return ClassTarget(names[0], tuple(sorted(words, key=_in_order)))


def _refuse_lists(table: Table, name: str, words: Sequence[str]) -> None:
    """Refuse cells of several labels with marks between, such as `red|blue`.

    They are lists, and no classes of their own, where half of the parts or more come in another cell, too.
    """
    for mark in "|;,":
        lists = {word: {part.strip() for part in word.split(mark)} for word in words if mark in word}
        alone = {word for word in words if mark not in word}
        uses = Counter(part for parts in lists.values() for part in parts)
        again = [part for part in uses if uses[part] + (part in alone) > 1]
        if len(lists) > 1 and 2 * len(again) >= len(uses):
            labels = sorted(uses | dict.fromkeys(alone))
            raise DataError(
                f"{table.source}: column {name!r:.40} seems to hold several labels a cell, such as "
                f"{next(iter(lists))!r:.30}. Make a column of yes and no for each ({', '.join(labels):.50}) and name "
                "all by target=; or say task='classification' if each text is one class"
            )


def _fit_numbers(table: Table, names: Sequence[str]) -> NumberTarget:
    """Numbers with the mean and the deviation of each column."""
    styles = {number_style(table, name, table.column(name)) or "point" for name in names}
    style: NumberStyle = styles.pop() if len(styles) == 1 else "point"  # each piece of a column is judged again
    target = NumberTarget(tuple(names), (0.0,) * len(names), (1.0,) * len(names), len(names) == 1, style)
    values = target.read(table).reshape(len(table), len(names))
    with np.errstate(over="ignore", invalid="ignore"):
        means, deviations = values.mean(axis=0), values.std(axis=0)
    for name, mean, deviation in zip(names, means, deviations, strict=True):
        if not np.isfinite(mean) or not np.isfinite(deviation):
            raise DataError(f"{table.source}: column {name!r} has numbers that are too large: give it in other units")
        if deviation <= 1e-12 * max(abs(mean), 1e-300):
            raise DataError(f"{table.source}: column {name!r} has the same number in every row: nothing to learn")
    return attrs.evolve(target, offsets=tuple(means.tolist()), factors=tuple((1.0 / deviations).tolist()))


def _distinct_words(table: Table, name: str) -> list[str]:
    """The words in a column, one of those that mean the same, such as `1` and `1.0`."""
    words: dict[str, str] = {}
    for word in sorted({as_word(cell) for cell in table.column(name)}):
        key = word_key(word)
        words.setdefault(key, key if as_number(word) is not None else word)
    return list(words.values())


def _is_flag(cells: Sequence[object]) -> bool:
    """Whether cells hold two words that mean no and yes."""
    return {word_key(as_word(cell)).lower() for cell in cells} in _FLAGS


def _two_words(table: Table, name: str) -> tuple[str, str]:
    words = sorted(_distinct_words(table, name), key=_in_order)
    if len(words) != 2:
        shown = ", ".join(words[:4]) + (", ..." if len(words) > 4 else "")
        raise DataError(f"{table.source}: column {name!r} holds {len(words)} words ({shown:.60}), and a label has two")
    return words[0], words[1]


def _are_classes(table: Table, name: str) -> bool:
    """Whether cells are words, or few whole numbers that come again and again."""
    cells = table.column(name)
    if all(isinstance(cell, bool | np.bool_) for cell in cells):
        return True
    style = number_style(table, name, cells)
    if style is None:
        return True
    distinct = {as_number(cell, style) for cell in cells} - {None}
    whole = all(n == int(n) for n in distinct if n is not None)
    return whole and len(distinct) <= min(FEW, max(2, len(cells) // 10))


def _in_order(word: str) -> tuple[int, float, str]:
    number = as_number(word)
    return (1, 0.0, word) if number is None else (0, number, word)
