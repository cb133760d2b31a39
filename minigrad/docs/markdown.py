"""Docstrings and code as Markdown (MyST, CommonMark with directives)."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

__all__ = ["anchor", "docstring", "escape", "fence", "readable", "signature", "source_of", "table"]

_SECTION = re.compile(r"(Args|Attributes|Example|Examples|Note|Raises|Returns|Warns|Yields):\s*$")
_ENTRY = re.compile(r"(\*{0,2}[A-Za-z_][\w.]*): (.*)")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_CLASS = re.compile(r"<class '(?:[\w.]*\.)?(\w+)'>")
_QUOTED = re.compile(r"(: |-> )'([^']*)'")
_NARROW = 88
"""Characters of a signature on one line."""


def escape(text: str) -> str:
    """Text whose characters mean themselves; what stands between backticks is code already."""
    parts = text.split("`")
    plain = [re.sub(r"([\\*_<>\[\]{}|$~^#])", r"\\\1", part) for part in parts[::2]]
    if len(parts) % 2 == 0:  # an odd backtick opens nothing
        return re.sub(r"([\\*_<>\[\]{}|$~^#`])", r"\\\1", text)
    return "".join(a + (f"`{b}`" if b else "") for a, b in zip(plain, [*parts[1::2], ""], strict=True))


def fence(text: str, language: str = "text") -> str:
    """A block of code or output."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}\n"


def anchor(kind: str, name: str) -> str:
    """A target that other pages can link to, and the end of the address of its section.

    Targets do not know capitals, so words and a kind tell `Tensor` from `tensor`, `METRICS` from `Metrics`.
    """
    last = name.rpartition(".")[2]
    word = "" if kind != "name" or not last[:1].isupper() else "constant-" if last.isupper() else "class-"
    apart = name if last.isupper() else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
    return re.sub(r"[^a-z0-9]+", "-", f"{kind}-{word}{apart}".lower()).strip("-")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of cells that are Markdown already."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines) + "\n"


def docstring(text: str | None) -> str:
    """A docstring of the house (Google style) as Markdown; empty for None."""
    lines = inspect.cleandoc(text or "").splitlines()
    parts: list[str] = []
    start = 0
    while start < len(lines):
        heading = _SECTION.match(lines[start])
        if heading:
            end = start + 1
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" ")):
                end += 1
            parts.append(f"**{heading[1]}**\n")
            parts += _entries(inspect.cleandoc("\n".join(lines[start + 1 : end])))
        else:
            end = start + 1
            while end < len(lines) and not _SECTION.match(lines[end]):
                end += 1
            parts += _paragraphs("\n".join(lines[start:end]))
        start = end
    return "\n".join(parts).strip() + "\n" if parts else ""


def _entries(text: str) -> Iterator[str]:
    """Entries of a section as a list, or its paragraphs where it has none."""
    entries: list[str] = []
    for line in text.splitlines():
        begins = _ENTRY.match(line)
        if begins:
            entries.append(f"- `{begins[1]}`: {begins[2].strip()}")
        elif entries and line.strip():
            entries[-1] += f" {line.strip()}"
        elif not entries:
            yield from _paragraphs(text)
            return
    for entry in entries:
        name, _, rest = entry.partition("`: ")
        yield f"{name}`: {escape(rest)}"
    yield ""


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs on one line each, lists as lists, indented and doctest lines as code."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.splitlines()
        if not block.strip():
            continue
        if all(line.startswith((" ", ">>>", "...")) for line in lines) or lines[0].startswith(">>>"):
            yield fence(inspect.cleandoc(block), "py" if ">>>" not in block else "pycon")
        elif any(line.startswith("- ") for line in lines):
            items = re.split(r"\n(?=- )", block)
            yield "\n".join(_item(" ".join(item.split())) for item in items) + "\n"
        else:
            yield _opening(escape(" ".join(block.split()))) + "\n"


def _item(text: str) -> str:
    return f"- {escape(text[2:])}" if text.startswith("- ") else f"{escape(text)}\n"


def _opening(text: str) -> str:
    """Text whose first word does not make it a list or a heading."""
    return re.sub(r"^([-+=])", r"\\\1", re.sub(r"^(\d+)([.)])", r"\1\\\2", text))


def signature(name: str, target: Callable[..., object]) -> str:
    """`name(arguments)`, one argument a line where it is long."""
    try:
        parameters = inspect.signature(target)
    except (TypeError, ValueError):  # written in C, as NumPy's own functions are
        return f"{name}(...)"
    if inspect.isclass(target):
        parameters = parameters.replace(return_annotation=parameters.empty)
    text = readable(f"{name}{parameters}")
    if len(text) <= _NARROW:
        return text
    pieces, mark = [], ""
    for parameter in parameters.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not mark:
            mark = "*"
            if not any(p.kind is p.VAR_POSITIONAL for p in parameters.parameters.values()):
                pieces.append("    *,")
        pieces.append(f"    {readable(str(parameter))},")
    returned = parameters.return_annotation
    arrow = "" if returned is parameters.empty else f" -> {inspect.formatannotation(returned)}"
    return "\n".join([f"{name}(", *pieces, readable(f"){arrow}")])


def readable(text: str) -> str:
    """What Python prints of an object or a signature, as one would write it in code."""
    return _QUOTED.sub(r"\1\2", _CLASS.sub(r"\1", _ADDRESS.sub("", text)))


def source_of(target: object) -> str:
    """The source of a function; empty where there is none."""
    try:
        text = inspect.getsource(target)  # type: ignore[arg-type]  # TypeError for what has no source
    except (OSError, TypeError):
        return ""
    return textwrap.dedent(text).strip()
