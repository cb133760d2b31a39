"""How minigrad prints: tables, bytes, counts, and figures that JSON can hold.

Imports no NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

TYPE_CHECKING = False  # as `typing.TYPE_CHECKING`, whose module would take longer to import than this package
if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "as_html",
    "clip_middle",
    "clip_text",
    "closest",
    "describe_error",
    "finite_or_none",
    "format_bytes",
    "format_count",
    "join_cells",
    "nearest",
    "nearest_file",
    "table",
]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str = "<") -> list[str]:
    """Lines of a table whose columns are as wide as their widest cell.

    Args:
        head: names of the columns.
        rows: cells of each row, as many as there are names.
        align: a `<` (left) or `>` (right) for each column; the last one also holds for all columns behind it.

    Returns:
        The line of names, then a line for each row, none with blanks at its end.

    Raises:
        ValueError: a row has another number of cells than `head`.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [join_cells(row, widths, align) for row in (head, *rows)]


def join_cells(cells: Sequence[str], widths: Sequence[int], align: str = "<", gap: str = "  ") -> str:
    """One line of a table of known widths, for tables that are printed while they grow.

    Args:
        cells: texts; one that is wider than its column pushes the others to the right.
        widths: of the columns, in characters.
        align: as in `table`.
        gap: what stands between two columns.

    Returns:
        The line, without blanks at its end.

    Raises:
        ValueError: there are more or fewer cells than widths.
    """
    sides = align + align[-1] * (len(widths) - len(align))
    padded = (
        cell.ljust(width) if side == "<" else cell.rjust(width)
        for cell, width, side in zip(cells, widths, sides, strict=True)
    )
    return gap.join(padded).rstrip()


def as_html(text: str) -> str:
    """Text as a notebook shows it: escaped, and scrolling where it is wide."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<pre style="overflow-x:auto;line-height:1.3">{escaped}</pre>'


def format_bytes(count: int) -> str:
    """Write a number of bytes in IEC units (1 KiB = 1,024 B).

    Such as `407 B`, `397.5 KiB` or `1.2 GiB`.
    """
    if count < 1024:
        return f"{count} B"
    return _scaled(count, 1024.0, (" KiB", " MiB", " GiB", " TiB"), ".1f")


def format_count(count: int) -> str:
    """A large number in powers of 1,000 with three digits, such as `203k` or `1.02M`."""
    if count < 1000:
        return str(count)
    return _scaled(count, 1000.0, ("k", "M", "G", "T"), ".3g")


def _scaled(number: float, base: float, units: Sequence[str], form: str) -> str:
    """`number` over the largest unit that leaves at least 1, also after rounding."""
    scaled, power = number / base, 0
    while float(format(scaled, form)) >= base and power + 1 < len(units):
        scaled, power = scaled / base, power + 1
    return f"{scaled:{form}}{units[power]}" if scaled < 1000.0 else f"{scaled:.0f}{units[power]}"


def clip_text(text: object, most: int) -> str:
    """Write `text` in at most `most` characters; one that is longer ends in `...`."""
    whole = str(text)
    return whole if len(whole) <= most else f"{whole[: most - 3]}..."


def clip_middle(text: object, most: int) -> str:
    """Write `text` in at most `most` characters; of one that is longer, both ends.

    Between them stands ` ... `.
    """
    whole = str(text)
    if len(whole) <= most:
        return whole
    end = (most - 5) // 2
    return f"{whole[: most - 5 - end]} ... {whole[len(whole) - end :]}"


def describe_error(error: BaseException, most: int = 200) -> str:
    """What an exception of code from outside says, on one line of at most `most` characters.

    Such as `ZeroDivisionError: division by zero`. One that cannot be written as text is named all the same.
    """
    kind = type(error).__name__
    if isinstance(error, SystemExit):
        return clip_middle(f"it ended the process by sys.exit({error.code!r:.40})", most)
    try:
        said = " ".join(str(error).split())
    except Exception as failure:
        said = f"(its message cannot be written: {type(failure).__name__})"
    return clip_middle(f"{kind}: {said}" if said else kind, most)


def list_names(names: Iterable[str], most: int = 120) -> str:
    """Write names one after another.

    As many as fit into `most` characters, and how many more there are.
    """
    whole = list(names)
    shown, length = 0, 0
    while shown < len(whole) and (shown == 0 or length + len(whole[shown]) <= most):
        length += len(whole[shown]) + 2
        shown += 1
    more = f" and {len(whole) - shown} more" if shown < len(whole) else ""
    return ", ".join(whole[:shown]) + more


def finite_or_none(value: object) -> object:
    """Make `value` such that JSON can say it: NaN and infinities become None.

    However deep in mappings, lists and tuples.

    Args:
        value: anything; mappings become dicts, lists and tuples become lists, all else but such floats stays itself.

    Returns:
        An equal without NaN and infinity.
    """
    if isinstance(value, Mapping):
        return {name: finite_or_none(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def closest(word: str, options: Iterable[str]) -> str:
    """Find the option that a misspelt `word` is meant to be; an empty string if none is close."""
    from difflib import get_close_matches  # a millisecond of every import, for a message that is rarely needed

    by_lower = {option.lower(): option for option in sorted(options)}
    typed = word.lower()
    swapped = [option for option in by_lower if sorted(option) == sorted(typed)]  # adma for adam
    matches = swapped or get_close_matches(typed, by_lower, n=1, cutoff=0.5)
    return by_lower[matches[0]] if matches else ""


def nearest(word: str, options: Iterable[str]) -> str:
    """Name the closest of `options` to a misspelt `word`, in a sentence.

    Or an empty string.

    The result starts with a space, so that it can be appended to a message as it is.
    """
    meant = closest(word, options)
    return f" Did you mean {meant!r}?" if meant else ""


def nearest_file(path: Path) -> str:
    """Name what lies beside a missing file under the closest name, in a sentence."""
    try:
        entries = [entry.name for entry in path.parent.iterdir()]
    except OSError:  # there is no such folder either
        return ""
    meant = closest(path.name, [name for name in entries if name != path.name and not name.startswith(".")])
    shown = f"{path.parent.as_posix()}/{meant}" if path.parent.name else meant
    return f" Did you mean {shown!r}?" if meant else ""
