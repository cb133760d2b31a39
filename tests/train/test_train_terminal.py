"""A real terminal: a child process behind a pseudo-terminal, with `rich` and without; and a pipe."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time

import pytest

from minigrad.train.output.progress_line import PlainLine, RichLine, live_line
from support.train_streams import Stream

RUN = """
import sys
if "plain" in sys.argv:
    sys.modules["rich"] = None
import minigrad.train.output.console as console
console._INTERVAL = 0.0
from minigrad import data, nn, train
spiral = data.load("spiral").scaled()
train.fit(nn.mlp(2, [4], 3, rng=0), spiral, epochs=2, checks=False)
"""


def in_terminal(*arguments: str, **environment: str) -> str:
    """What the run writes to a terminal that is both its output and its error stream."""
    import pty

    mine, theirs = pty.openpty()
    settings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**settings, "TERM": "xterm", "COLUMNS": "120", **environment},
    )  # fmt: skip
    os.close(theirs)
    text, give_up = b"", time.monotonic() + 120
    while time.monotonic() < give_up:
        if not select.select([mine], [], [], 1.0)[0]:
            continue
        try:
            part = os.read(mine, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        text += part
    os.close(mine)
    assert process.wait(60) == 0, text
    return text.decode()


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
@pytest.mark.parametrize("kind", ["plain", "rich"])
def test_a_terminal_gets_a_line_that_moves_and_vanishes(kind: str) -> None:
    if kind == "rich":
        pytest.importorskip("rich")
    text = in_terminal(kind)
    moving = r"\r\x1b\[K\[#+\.+\] epoch 1/2  batch \d+/13  loss \d\.\d+"
    if kind == "rich":
        moving = r"epoch 1/2  batch \d+/13  loss \d\.\d+"
    assert len(re.findall(moving, text)) > 3
    seen = [re.split(r"\x1b\[2?K", line)[-1] for line in text.split("\n")]  # what is left when a line was wiped
    table = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", line) for line in seen]
    assert [row.split()[0].rstrip("*") for row in table if re.match(r" +\d+\*? +\d", row)] == ["0", "1", "2"]
    assert "took" in table[-2], "nothing is left of the line at the end"


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
@pytest.mark.parametrize("kind", ["plain", "rich"])
def test_no_color_is_respected_on_a_terminal(kind: str) -> None:
    text = in_terminal(kind, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*[3-4][0-9](;[0-9]+)*m", text)
    assert "epoch 1/2" in text


def test_a_pipe_gets_plain_lines() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    assert "\r" not in done.stdout
    assert "\x1b" not in done.stdout


def test_without_rich_the_line_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert live_line(Stream()) is None
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.delitem(sys.modules, "rich.progress", raising=False)
    assert isinstance(live_line(Stream(terminal=True)), PlainLine)


def test_rich_draws_and_wipes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Stream(terminal=True)
    line = live_line(stream)
    assert isinstance(line, RichLine)
    line.show(0.5, "epoch 1/2  loss [0.5000]")
    assert "epoch 1/2  loss [0.5000]" in stream.getvalue()
    assert re.search(r"\d:\d\d left", stream.getvalue())
    line.clear()
    line.clear()
    line.show(1.0, "again")
    assert "again" in stream.getvalue()
    line.clear()
