"""Real wheels in a fresh environment: minigrad, a plugin, both scaffolds, and every broken plugin. Needs uv."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import attrs
import pytest

from minigrad.cli.new import scaffold
from support.optim_broken import BROKEN
from support.optim_dists import GOOD, LOAD_ALL

ROOT = Path(__file__).parents[2]
PROJECT = """
[build-system]
requires = ["hatchling>=1.25"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "{version}"
dependencies = ["minigrad"]

[project.entry-points."minigrad.optimizers"]
{name} = "{module}:Rule"

[tool.hatch.build.targets.wheel]
include = ["{module}.py"]
"""
BUILD = """
import os, sys
from hatchling.build import build_wheel
for folder in sys.argv[2:]:
    os.chdir(folder)
    build_wheel(sys.argv[1])
"""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(shutil.which("uv") is None, reason="builds and installs with uv"),
]


@attrs.frozen
class Place:
    """A fresh environment with everything in it, and the folders of the scaffolds."""

    venv: Path
    work: Path

    def run(self, *command: str, cwd: Path | None = None, ok: bool = True) -> str:
        """What a program of the environment prints."""
        done = subprocess.run(
            [str(self.venv / "bin" / command[0]), *command[1:]],
            cwd=cwd or self.work,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if ok and done.returncode:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout + ("" if ok else done.stderr)


def _uv(*arguments: str) -> None:
    done = subprocess.run(["uv", *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{arguments}\n{done.stderr}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    work = tmp_path_factory.mktemp("wheels")
    dist, venv = work / "dist", work / "venv"
    sources = [ROOT, ROOT / "plugins" / "minigrad-newton"]
    sources += [scaffold("optimizer", "slow-start", work)[0], scaffold("op", "smooth_step", work)[0]]
    for source in sources:
        _uv("build", "--wheel", "--no-sources", "-o", str(dist), str(source))
    _uv("venv", "-q", "--python", sys.executable, str(venv))
    python = str(venv / "bin" / "python")
    _uv("pip", "install", "-q", "--python", python, "hatchling", "pytest", "mypy", "ruff")
    broken = [_broken(work, number) for number in range(len(BROKEN))]
    subprocess.run([python, "-c", BUILD, str(dist), *map(str, broken)], check=True, capture_output=True)
    wheels = sorted(map(str, dist.glob("*.whl")))
    assert len(wheels) == len(BROKEN) + 4
    _uv("pip", "install", "-q", "--no-cache", "--python", python, *wheels)
    return Place(venv, work)


def _broken(work: Path, number: int) -> Path:
    name = list(BROKEN)[number]
    folder = work / "broken" / name
    folder.mkdir(parents=True)
    module = f"broken_{number}"
    (folder / f"{module}.py").write_text(BROKEN[name][0])
    (folder / "pyproject.toml").write_text(
        PROJECT.format(distribution=f"mini-{name}", version=f"0.{number}", name=name, module=module)
    )
    return folder


def test_everything_is_listed_and_the_sound_ones_work(place: Place) -> None:
    listed = json.loads(place.run("minigrad", "optimizers", "--json"))
    assert set(BROKEN) <= set(listed)
    assert (listed["slow-start"]["distribution"], listed["newton"]["version"]) == ("minigrad-slow-start", "0.1.0")
    code = """
    import minigrad as mg
    for name in ("slow-start", "newton", "adam"):
        w = mg.tensor([3.0, -2.0], requires_grad=True)
        opt = mg.optimizer(name, [w])
        for _ in range(3):
            opt.step(lambda: mg.sum(w * w))
        print(name, mg.__file__, w.numpy().tolist())
    t = mg.tensor([0.5], requires_grad=True)
    mg.sum(mg.smooth_step(t)).backward()
    print(t.grad.item())
    """
    *lines, slope = place.run("python", "-c", dedent(code)).splitlines()
    assert [line.split()[0] for line in lines] == ["slow-start", "newton", "adam"]
    assert all(str(place.venv) in line for line in lines)
    assert float(slope) == pytest.approx(1.25**-1.5)


def test_each_broken_wheel_is_named_and_none_escapes(place: Place) -> None:
    code = f"import json\n{LOAD_ALL}\nprint('ANSWER' + json.dumps([refused, wrong]))"
    refused, wrong = json.loads(place.run("python", "-c", code).split("ANSWER")[1])
    assert wrong == {}
    assert set(refused) == set(BROKEN)
    for number, name in enumerate(BROKEN):
        where = f"optimizer {name} (mini-{name} 0.{number}, broken_{number}:Rule) cannot be used: "
        assert refused[name].startswith(where)
        assert re.search(BROKEN[name][1], refused[name].removeprefix(where))
    said = place.run("minigrad", "optimizers", "check", "sys-exit", ok=False)
    assert "refused    sys-exit (mini-sys-exit" in said
    assert "sound      slow-start" in place.run("minigrad", "optimizers", "check", "slow-start")


@pytest.mark.parametrize("folder", ["minigrad-slow-start", "minigrad-smooth-step"])
def test_a_scaffold_passes_its_own_checks(place: Place, folder: str) -> None:
    here = place.work / folder
    assert "passed" in place.run("python", "-m", "pytest", cwd=here)
    assert "Success: no issues found" in place.run("python", "-m", "mypy", cwd=here)
    assert "All checks passed" in place.run("ruff", "check", cwd=here)
    assert "already formatted" in place.run("ruff", "format", "--check", cwd=here)


def test_no_seed_refuses_a_fresh_scaffold(place: Place) -> None:
    code = """
    from minigrad.optim import examine, load
    rule = load("slow-start")
    print([seed for seed in range(200) if examine(rule, seed=seed).broken])
    """
    assert place.run("python", "-c", dedent(code)).strip() == "[]"


def test_the_good_rule_of_the_corpus_is_good(place: Place) -> None:
    folder = place.work / "good"
    folder.mkdir()
    (folder / "good_rule.py").write_text(GOOD)
    code = "from good_rule import Rule; from minigrad.optim import examine; print(examine(Rule).broken)"
    assert place.run("python", "-c", code, cwd=folder).strip() == "()"
