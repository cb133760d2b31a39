"""The page of a report.

Checks, findings, pictures, epochs, configuration, environment, and the command that repeats the run.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

import attrs
import numpy as np

import minigrad
from minigrad.charts import Picture
from minigrad.diagnosis import Diagnosis, Finding
from minigrad.report.style import STYLE
from minigrad.train.history import Epoch, History
from minigrad.train.output.epoch_table import format_figure
from minigrad.train.output.row_pictures import RowTable
from minigrad.train.output.run_charts import history_charts

__all__ = ["write_report"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a browser may load for the page: its own style, and pictures inside it.

No script runs, nothing is fetched.
"""


def write_report(
    history: History,
    diagnosis: Diagnosis | None,
    *,
    title: str,
    command: str,
    pictures: Sequence[Picture] | None = None,
    tables: Sequence[RowTable] = (),
) -> str:
    """Write a run as one HTML page with its style and pictures inside.

    Every text in it is escaped.

    Args:
        history: of the run.
        diagnosis: what was found, None where the run was not diagnosed.
        title: heading.
        command: the line that repeats the run.
        pictures: those of `RunFolder.pictures`; None for what the history alone allows.
        tables: those of `RunFolder.tables`.
    """
    shown = list(history_charts(history)) if pictures is None else pictures
    parts = [
        f"<header><h1>{escape(title)}</h1><p>{escape(_lead(history))}</p></header>",
        _section("Diagnosis", _diagnosis(diagnosis, history)),
        _section("Checks before training", _checks(history)),
        _section("Pictures", f'<div class="charts">{"".join(p.figure() for p in shown)}</div>' if shown else ""),
        *(_section(rows.title, rows.html()) for rows in tables),
        _section("Epochs", _epochs(history)),
        _section("Configuration", _pairs(history.config)),
        _section("Environment", _pairs(_environment(history))),
        _section("To repeat this run", f"<pre>{escape(command)}</pre>"),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _lead(history: History) -> str:
    """How it ended, in a sentence."""
    best = history.best
    if best is None:
        return f"Ended before its first epoch: {history.stopped}" if history.stopped else "No epoch was completed."
    loss = best.train_loss if best.val_loss is None else best.val_loss
    accuracy = best.train_accuracy if best.val_loss is None else best.val_accuracy
    figures = f"loss {loss:.4g}" + ("" if accuracy is None else f", accuracy {accuracy:.2%}")
    figures += "".join(f", {name} {format_figure(value)}" for name, value in best.metrics.items())
    ended = f" Ended early: {history.stopped}" if history.stopped else ""
    return f"Best epoch {best.epoch} of {len(history)} by {history.criterion}: {figures}.{ended}"


def _diagnosis(found: Diagnosis | None, history: History) -> str:
    if found is None:
        return f'<p class="finding fault">{escape(history.stopped)}</p>' if history.stopped else ""
    lines = "".join(f"<li>{escape(line)}</li>" for line in found.summary)
    findings = "".join(_finding(f, first=i == 0) for i, f in enumerate(found.findings))
    sound = "" if found.findings else '<p class="finding sound">No fault found.</p>'
    effects = ", ".join(f"{f.code} by {code}" for f, code in found.effects)
    hidden = f"<p><small>Explained by these: {escape(effects)}</small></p>" if effects else ""
    broken = "".join(f"<p><small>Rule left out: {escape(text)}</small></p>" for text in found.broken)
    return f"{sound}{findings}{hidden}{broken}<ul>{lines}</ul>"


def _finding(f: Finding, *, first: bool) -> str:
    evidence = ", ".join(f"{name} {value:.4g}" for name, value in f.evidence.items())
    advice = "".join(f"<li>{escape(text)}</li>" for text in f.advice)
    lead = "<em>Mend this first.</em> " if first and f.kind == "FAULT" else ""
    where = f" at {escape(f.where)}" if f.where else ""
    return (
        f'<div class="finding {escape(f.kind.lower())}"><h3>{escape(f.kind)} {escape(f.code)}{where}</h3>'
        f"<p>{lead}{escape(f.why)}</p><p><small>{escape(evidence)}</small></p><ul>{advice}</ul></div>"
    )


def _checks(history: History) -> str:
    rows = [
        (f'<b class="{escape(c.status)}">{escape(c.status)}</b>', escape(c.name), escape(c.message))
        for c in history.checks
    ]
    return _table(("", "check", "what was found"), rows) if rows else ""


def _epochs(history: History) -> str:
    points = [*([history.initial] if history.initial is not None else []), *history.epochs]
    every = max(1, -(-len(points) // 40))
    kept = [e for e in points if e.epoch % every == 0 or e is history.best or e is points[-1]]
    columns = [c for c in (*_COLUMNS, *map(_metric_column, history.metric_names)) if any(c.cell(e) for e in kept)]
    minor = [c.head for c in columns if c.minor] if len(columns) > _NARROW else []
    head = ["<th>epoch</th>", *(_cell("th", c.head, c.head in minor) for c in columns)]
    body = [
        f"<tr><td>{e.epoch}{'*' if history.best is e else ''}</td>"
        + "".join(_cell("td", c.cell(e), c.head in minor) for c in columns)
        + "</tr>"
        for e in kept
    ]
    notes = f"<p><small>* best; every {every}th epoch and the best one are shown.</small></p>" if every > 1 else ""
    if minor:
        notes += f'<p class="narrow"><small>Left out on a narrow screen: {escape(", ".join(minor))}.</small></p>'
    table = f'<div class="scroll"><table class="figures"><tr>{"".join(head)}</tr>{"".join(body)}</table></div>'
    return table + notes if body else ""


def _cell(tag: str, text: str, minor: bool) -> str:
    return f"<{tag}{_MINOR if minor else ''}>{escape(text)}</{tag}>"


_MINOR = ' class="minor"'


def _loss(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


@attrs.frozen
class _Column:
    """Head and cell of a column of the table of epochs.

    One that is empty in all rows is left out. `minor` columns are the first to go where there is no room.
    """

    head: str
    cell: Callable[[Epoch], str]
    minor: bool = False


_NARROW = 5
"""Columns besides the epoch that a phone has room for."""
_COLUMNS = (
    _Column("train loss", lambda e: _loss(e.train_loss)),
    _Column("val loss", lambda e: _loss(e.val_loss)),
    _Column("train acc", lambda e: _share(e.train_accuracy), minor=True),
    _Column("val acc", lambda e: _share(e.val_accuracy)),
    _Column("seconds", lambda e: f"{e.seconds:.1f}", minor=True),
)


def _metric_column(name: str) -> _Column:
    return _Column(name, lambda e: format_figure(e.metrics.get(name)))


def _environment(history: History) -> Mapping[str, object]:
    return {
        "minigrad": minigrad.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "BLAS threads": os.environ.get("OPENBLAS_NUM_THREADS", "not limited"),
        "interpreter": sys.implementation.name,
        **({} if history.monitor is None else {"monitoring": f"{history.monitor.share:.1%} of the time of the steps"}),
    }


def _pairs(values: Mapping[str, object]) -> str:
    words = {name: _in_words(value) for name, value in values.items()}
    return _table(("", ""), [(escape(str(name)), escape(text)) for name, text in words.items() if text])


def _in_words(value: object) -> str:
    """Write a setting as a reader would: `lr 0.001, beta1 0.9`.

    What is not set is left out.
    """
    if value is None or value is False:
        return ""
    if isinstance(value, Mapping):
        parts = ((name, value[name], _in_words(value[name])) for name in value)
        return ", ".join(str(name) if v is True else f"{name} {text}" for name, v, text in parts if text)
    if isinstance(value, list | tuple):
        return "; ".join(text for text in map(_in_words, value) if text)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], style: str = "") -> str:
    """A table of cells that are HTML already; wide ones scroll by themselves."""
    top = "<tr>" + "".join(f"<th>{h}</th>" for h in head) + "</tr>" if any(head) else ""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    kind = f' class="{style}"' if style else ""
    return f'<div class="scroll"><table{kind}>{top}{body}</table></div>'
