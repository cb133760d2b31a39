"""The kit as authors use it: as a decorator, and as an option of pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minigrad.optim import PluginError, load
from minigrad.optim.laws import CORE
from minigrad.optim.testing import Law, laws_of_class, parametrize_with_laws
from support.missing_plugins import needs
from support.optim_dists import GOOD, install
from support.optim_lawful import Descent
from support.optim_lawless_conduct import Climbs, HasASmallestStep


@parametrize_with_laws(Descent, load("adam"), seeds=(0, 5))
def test_with_the_decorator(law: Law) -> None:
    law()


def test_broken_laws_fail_with_the_counter_example() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"Climbs breaks C9 \(descends\): .*in 3000 steps"):
        laws_of_class(Climbs)[list(CORE).index("C9")]()
    with pytest.raises(pytest.skip.Exception, match="it has no field lr"):
        Law(load("newton"), "C6")()
    assert [law.key for law in laws_of_class(HasASmallestStep) if law.outcome().verdict == "broken"] == ["C6"]
    with pytest.raises(PluginError, match="attrs class"):
        laws_of_class(int)


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, env={"PYTHONPATH": str(folder), "PATH": ""}
    )


@needs("minigrad-newton")
def test_the_option_checks_installed_optimizers(tmp_path: Path) -> None:
    climbing = GOOD.replace("w - self.lr", "w + self.lr")
    install(tmp_path, "up", {"up": "up_rule:Rule"}, {"up_rule": climbing})
    good = run_pytest(tmp_path, "--minigrad-optimizer", "newton", "--minigrad-optimizer", "sgd")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "3 skipped" in good.stdout
    assert "it has no field lr" in good.stdout
    bad = run_pytest(tmp_path, "--minigrad-optimizer", "up")
    assert bad.returncode == 1
    assert "Rule breaks C9 (descends)" in bad.stdout
    assert "up-C9-seed0" in bad.stdout
    unknown = run_pytest(tmp_path, "--minigrad-optimizer", "upp")
    assert unknown.returncode == 4
    assert "Did you mean 'up'" in unknown.stdout + unknown.stderr
