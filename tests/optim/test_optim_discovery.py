"""Optimizers come and go with the entry points of installed distributions, and with nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import minigrad
from support.missing_plugins import needs
from support.optim_dists import GOOD, ask, install

LIST = """
from minigrad.optim import available
answer = {name: [e.distribution, e.version, e.value] for name, e in available().items()}
"""
OWN = ["adagrad", "adam", "adamw", "momentum", "nesterov", "rmsprop", "sgd"]


def names(folders: list[Path], **environment: str) -> set[str]:
    answer = ask(folders, LIST, **environment)
    return set(answer)


def test_renaming_an_entry_point_renames_exactly_that_optimizer(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    install(before, "demo-plugin", {"alpha": "demo_rules:Rule", "beta": "demo_rules:Rule"}, {"demo_rules": GOOD})
    install(after, "demo-plugin", {"alpha": "demo_rules:Rule", "betamax": "demo_rules:Rule"}, {"demo_rules": GOOD})
    bare = names([])
    assert names([before]) - bare == {"alpha", "beta"}
    assert names([after]) - bare == {"alpha", "betamax"}
    assert bare <= names([after])
    code = """
    from minigrad.optim import UnknownOptimizer, load
    answer = [load("betamax").__name__]
    try:
        load("beta")
    except UnknownOptimizer as error:
        answer.append(str(error))
    """
    answer = ask([after], code)
    assert answer[0] == "Rule"
    assert "no optimizer 'beta'" in answer[1]
    assert "betamax (demo-plugin 1.0)" in answer[1]


def test_listing_and_loading_import_no_plugin_that_was_not_asked_for(tmp_path: Path) -> None:
    install(tmp_path, "bomb", {"bomb": "bomb_rule:Rule"}, {"bomb_rule": "raise SystemExit('boom')"})
    code = """
    import sys
    from minigrad.optim import available, load
    names = list(available())
    load("adam")
    answer = [names, "bomb_rule" in sys.modules, "minigrad.optimizers.sgd" in sys.modules,
              "minigrad.optimizers.adam" in sys.modules]
    """
    listed, bomb, sgd, adam = ask([tmp_path], code)
    assert "bomb" in listed
    assert (bomb, sgd, adam) == (False, False, True)


def test_two_distributions_with_one_name(tmp_path: Path) -> None:
    install(tmp_path / "a", "zeta", {"twin": "zeta_rule:Rule"}, {"zeta_rule": GOOD})
    install(tmp_path / "b", "eta", {"twin": "eta_rule:Rule"}, {"eta_rule": GOOD}, version="2.5")
    code = """
    from minigrad.optim import UnknownOptimizer, available, load
    answer = [sorted(n for n in available() if "twin" in n), load("zeta:twin").__module__, load("eta:twin").__module__]
    try:
        load("twin")
    except UnknownOptimizer as error:
        answer.append(str(error))
    """
    for order in ([tmp_path / "a", tmp_path / "b"], [tmp_path / "b", tmp_path / "a"]):
        answer = ask(order, code)
        assert answer[:3] == [["eta:twin", "zeta:twin"], "zeta_rule", "eta_rule"]
        assert "offered by eta 2.5 and zeta 1.0: say which, 'eta:twin' or 'zeta:twin'" in answer[3]


def test_the_first_copy_of_a_distribution_on_the_path_counts(tmp_path: Path) -> None:
    install(tmp_path / "new", "twice", {"twice": "twice_new:Rule"}, {"twice_new": GOOD}, version="2.0")
    old = {"twice": "twice_old:Rule", "ghost": "twice_old:Rule"}
    install(tmp_path / "old", "Twice", old, {"twice_old": GOOD}, version="1.0")
    answer = ask([tmp_path / "new", tmp_path / "old"], LIST)
    assert answer["twice"] == ["twice", "2.0", "twice_new:Rule"]
    assert "ghost" not in answer


@needs("minigrad-modern", "minigrad-newton")
def test_allow_list(tmp_path: Path) -> None:
    install(tmp_path, "demo_plugin", {"alpha": "demo_rules:Rule", "beta": "demo_rules:Rule"}, {"demo_rules": GOOD})
    assert names([tmp_path], MINIGRAD_PLUGINS="none") == set(OWN)
    assert names([tmp_path], MINIGRAD_PLUGINS="alpha") == {*OWN, "alpha"}
    assert names([tmp_path], MINIGRAD_PLUGINS="demo-plugin, newton") == {*OWN, "alpha", "beta", "newton"}
    assert names([tmp_path], MINIGRAD_PLUGINS="demo-plugin:beta") == {*OWN, "beta"}
    assert names([tmp_path], MINIGRAD_PLUGINS="") >= {"alpha", "newton"}
    code = """
    from minigrad.optim import UnknownOptimizer, load
    answer = []
    for name in ("alpha", "alhpa"):
        try:
            load(name)
        except UnknownOptimizer as error:
            answer.append(str(error))
    """
    blocked, unknown = ask([tmp_path], code, MINIGRAD_PLUGINS="none,alhpa")
    assert "alpha (demo_plugin 1.0, demo_rules:Rule) is installed, but MINIGRAD_PLUGINS='none,alhpa'" in blocked
    assert "MINIGRAD_PLUGINS names 'alhpa', which nobody offers" in unknown


def test_damaged_metadata_hides_nobody_else(tmp_path: Path) -> None:
    install(tmp_path, "sound", {"sound": "sound_rule:Rule"}, {"sound_rule": GOOD})
    install(tmp_path, "damaged", {"damaged": "x:Y"}, {})
    (tmp_path / "damaged-1.0.dist-info" / "entry_points.txt").write_text("[minigrad.optimizers]\nthis is no pair\n")
    install(tmp_path, "binary", {"binary": "x:Y"}, {})
    (tmp_path / "binary-1.0.dist-info" / "entry_points.txt").write_bytes(b"[minigrad.optimizers]\n\xff\xfe = x:Y\n")
    code = """
    from minigrad.optim import available
    from minigrad.optim.loading import scan
    answer = [sorted(available()), list(scan().problems)]
    """
    listed, problems = ask([tmp_path], code)
    assert "sound" in listed
    assert "damaged" not in listed
    assert any("damaged-1.0" in p and "has no '='" in p for p in problems)
    assert any("binary-1.0" in p for p in problems)


def test_nothing_imports_the_rules() -> None:
    package = Path(minigrad.__file__).parent
    pattern = re.compile(r"^\s*(from|import)\s+minigrad\.optimizers", re.MULTILINE)
    offenders = [
        p for p in package.rglob("*.py") if p.parent.name != "optimizers" and pattern.search(p.read_text("utf-8"))
    ]
    assert offenders == []


def test_importing_the_package_reads_no_metadata() -> None:
    code = (
        "import sys, minigrad.optim; print('importlib.metadata' in sys.modules, 'minigrad.optimizers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["False", "False"]


def test_hooks_that_outlive_their_module_say_nothing() -> None:
    code = (
        "import sys, minigrad as mg\n"
        "mg.optimizer('sgd', [mg.tensor([1.0], requires_grad=True)], lr=0.1)\n"
        "def trace(frame, event, arg, look=open, here=__import__('os').devnull):\n"
        "    look(here).close()\n"
        "    return trace\n"
        "sys.settrace(trace)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
