"""`minigrad optimizers check`: whatever a plugin does, there is a report, an exit code, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from minigrad.cli import main
from minigrad.cli.check_laws import probe
from minigrad.optim import UnknownOptimizer
from minigrad.plugins import entry_points
from support.missing_plugins import needs
from support.optim_dists import GOOD, install

SOURCES = {
    "sound": GOOD,
    "hangs": "import sys, time\nprint('waiting', file=sys.__stdout__, flush=True)\ntime.sleep(600)\n" + GOOD,
    "hangs-later": GOOD.replace("return NoState()", "\n            while True: pass"),
    "segfaults": "import ctypes\nctypes.string_at(0)\n" + GOOD,
    "leaves": "import os\nos._exit(0)\n" + GOOD,
    "leaves-badly": "import os, sys\nsys.__stderr__.write('so long')\nsys.__stderr__.flush()\nos._exit(7)\n" + GOOD,
    "floods": "import sys\nwhile True: sys.__stdout__.write('x' * 1000000)\n" + GOOD,
    "hoards": "import numpy\nnumpy.ones(1 << 31)\n" + GOOD,
    "lawless": GOOD.replace("return w - self.lr * f.grad, state", "return w + self.lr * f.grad, state"),
    "no-rule": "import no_such_module\n",
    "has-child": "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', "
    '\'import time; open("{mark}0", "w"); time.sleep(2); open("{mark}1", "w")\'])\ntime.sleep(600)\n',
}


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    for name, source in SOURCES.items():
        module = "probed_" + name.replace("-", "_")
        text = source.replace("{mark}", str(tmp_path / "child-was-here"))
        install(folder, f"dist-{name}", {name: f"{module}:Rule"}, {module: text})
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    entry_points.rescan()
    return folder


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("segfaults", "crashed the process: SIGSEGV"),
        ("leaves", "its process ended without an answer"),
        ("leaves-badly", r"ended the process with code 7 \(its last words: so long\)"),
        ("floods", "SIGXFSZ|OSError|code 1"),
        ("hoards", "MemoryError|ArrayMemoryError|Unable to allocate"),
        ("no-rule", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_crashes_and_excesses_are_a_reason(name: str, reason: str) -> None:
    found = probe(name, 60.0)
    assert found.entry.distribution == f"dist-{name}"
    assert found.laws == ()
    assert re.search(reason, found.reason), found.reason


@pytest.mark.parametrize("name", ["hangs", "hangs-later"])
def test_a_plugin_that_hangs_is_stopped(name: str) -> None:
    began = time.monotonic()
    found = probe(name, 1.5)
    assert time.monotonic() - began < 5.0
    assert "not been examined after 1.5 seconds, and was stopped" in found.reason
    assert ("its last words: waiting" in found.reason) == (name == "hangs")


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_what_it_started_is_stopped_with_it(tmp_path: Path) -> None:
    assert "stopped" in probe("has-child", 1.2).reason
    assert (tmp_path / "child-was-here0").exists()
    time.sleep(2.0)
    assert not (tmp_path / "child-was-here1").exists()


def test_the_report_counts_and_the_exit_code_follows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimizers", "check", "sound"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "sound      sound (dist-sound 1.0, probed_sound:Rule)\nlaws       15 ran (15 held, 0 broken), 0"
    )
    assert "holds too, and could be claimed: elementwise, translation" in out
    assert main(["optimizers", "check", "dist-lawless:lawless", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["broken"], document["version"]) == ("refused", 1, "1.0")
    assert "breaks law C9 (descends)" in document["reason"]
    broken = next(law for law in document["laws"] if law["verdict"] == "broken" and law["claimed"])
    assert "the distance to the minimum went from" in broken["detail"]
    skipped = next(law for law in document["laws"] if law["verdict"] == "skipped" and law["claimed"])
    assert skipped["detail"]
    assert document["ran"] + document["skipped"] == sum(law["claimed"] for law in document["laws"])


@needs("minigrad-newton")
def test_laws_without_an_opinion_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimizers", "check", "gauss-newton"]) == 0
    out = capsys.readouterr().out
    assert "C6   skipped  lr=0 stands still: it has no field lr" in out
    assert "C7   skipped  maximising -f is minimising f: a sum of squares cannot be maximised" in out


def test_unknown_names_and_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownOptimizer, match="Did you mean 'sound'"):
        probe("sond")
    assert main(["optimizers", "check", "sond"]) == 1
    assert "Did you mean 'sound'?" in capsys.readouterr().err
    for arguments, wanted in (
        (["chek", "adam"], "Did you mean check?"),
        (["check"], "NAME"),
        (["check", "a", "--tmeout"], "--timeout"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["optimizers", *arguments])
        assert wanted in capsys.readouterr().err


def test_listing_shows_all_of_them_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimizers", "--json"]) == 0
    assert set(SOURCES) <= set(json.loads(capsys.readouterr().out))
