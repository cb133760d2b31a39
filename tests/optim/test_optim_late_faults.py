"""Faults that show late, at some sizes, with some options or outside: who sees them, load or check or nobody."""

from __future__ import annotations

import builtins
import gc
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from minigrad.cli.check_laws import probe
from minigrad.optim import available, load
from minigrad.optim.laws import examine, fingerprint
from minigrad.optim.runner import UpdateRule
from support.optim_dists import GOOD, install
from support.optim_lawless_late import KINDS, REASONS


def broken(name: str, everything: bool = False) -> list[str]:
    report = examine(cast("type[UpdateRule]", KINDS[name][1]), everything=everything)
    return [str(outcome) for outcome in report.broken]


@pytest.mark.parametrize("name", [n for n, (by, _) in KINDS.items() if by == "load"])
def test_loading_refuses_it_and_the_process_is_as_before(name: str) -> None:
    before = (
        gc.isenabled(),
        sys.getrecursionlimit(),
        np.get_printoptions(),
        sys.excepthook,
        np.sqrt,
        vars(builtins).keys(),
    )
    assert broken(name)
    after = (
        gc.isenabled(),
        sys.getrecursionlimit(),
        np.get_printoptions(),
        sys.excepthook,
        np.sqrt,
        vars(builtins).keys(),
    )
    assert after == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("name", [n for n, (by, _) in KINDS.items() if by == "check"])
def test_the_check_refuses_what_takes_too_long_to_see_at_load(name: str) -> None:
    assert not broken(name)
    assert broken(name, everything=True)


def test_the_counts_and_the_reasons_of_those_that_nobody_sees() -> None:
    counts = Counter(by for by, _ in KINDS.values())
    assert sum(counts.values()) >= 40
    assert {n for n, (by, _) in KINDS.items() if by == "nobody"} == REASONS.keys()
    assert counts["nobody"] <= 3


@pytest.mark.parametrize("name", [n for n, (by, _) in KINDS.items() if by == "process"])
def test_runs_that_depend_on_the_hash_seed_have_another_fingerprint(name: str) -> None:
    code = (
        "from minigrad.optim.laws import fingerprint\n"
        "from support.optim_lawless_late import KINDS\n"
        f"print(fingerprint(KINDS[{name!r}][1]))"
    )
    folder = Path(__file__).parents[1]
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(prints) > 1


@pytest.mark.soak
def test_the_check_runs_in_processes_of_several_hash_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = GOOD.replace("self.lr * f.grad", "self.lr * f.grad * (1.0 + hash('step') % 7)")
    install(tmp_path, "demo-hash", {"hashed": "hashed_rule:Rule"}, {"hashed_rule": source})
    install(tmp_path, "demo-sound", {"sound": "sound_rule:Rule"}, {"sound_rule": GOOD})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    hashed, sound = probe("demo-hash:hashed"), probe("demo-sound:sound")
    assert "breaks law C17" in hashed.reason
    assert "PYTHONHASHSEED=1 and" in hashed.reason
    assert sound.reason == ""
    assert [law.verdict for law in sound.laws if law.law == "C17"] == ["held"]


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(available()))
def test_no_installed_rule_is_refused_by_the_check(name: str) -> None:
    cls = load(name)
    assert examine(cls, everything=True).broken == ()
    assert fingerprint(cls) == fingerprint(cls)
