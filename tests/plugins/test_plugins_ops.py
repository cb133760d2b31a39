"""Ops from plugins: the same gate, a wrong rule named by distribution, op and verdict, the good ones usable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

MODULE = dedent(
    """
    import numpy as np
    import minigrad as mg

    @mg.op(x=mg.real(), elementwise=True)
    def plug_good(x):
        return x / (1.0 + np.abs(x))

    @plug_good.vjp("x")
    def _(g, y, x):
        return g / mg.square(1.0 + mg.abs(x))

    @mg.op(x=mg.real(), elementwise=True)
    def plug_wrong(x):
        return np.sin(x)

    @plug_wrong.vjp("x")
    def _(g, y, x):
        return g * mg.sin(x)

    @mg.op(x=mg.real(), elementwise=True)
    def plug_leaning(x):
        return np.cos(x)

    @plug_leaning.vjp("x")
    def _(g, y, x):
        return -(g * plug_wrong(x))

    OPS = (plug_good, plug_wrong, plug_leaning, "not an op")
    """
)


def install(folder: Path, name: str, module: str, source: str, value: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{name.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[minigrad.ops]\n{name} = {value}\n")


def environment_of(folder: Path) -> dict[str, str]:
    """Where the plugins of a folder are installed, and no other: the gate would examine theirs in every process."""
    names = sorted(info.name.partition("-")[0].replace("_", "-") for info in folder.glob("*.dist-info"))
    return {**os.environ, "PYTHONPATH": str(folder), "MINIGRAD_PLUGINS": ",".join(names)}


def ask(folder: Path, code: str, **environment: str) -> object:
    env = {**environment_of(folder), **environment}
    script = f"import json\n{dedent(code)}\nprint('ANSWER' + json.dumps(answer))"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert "ANSWER" in done.stdout, done.stderr
    answer: object = json.loads(done.stdout.split("ANSWER")[1])
    return answer


USE = """
import minigrad as mg
x = mg.tensor([3.0], requires_grad=True)
mg.plug_good(x).backward()
answer = [x.grad.item(), "plug_wrong" in mg.core.REGISTRY]
try:
    mg.plug_wrong
except AttributeError as error:
    answer.append(str(error))
from minigrad.ops.plugins import load_all, refusal_of
assert "plug-dist" in refusal_of("plug_wrong") and refusal_of("plug_good") == ""
answer.append([r for loaded in load_all() for r in loaded.refusals])
"""


def test_a_wrong_rule_is_named_and_the_good_op_stays_usable(tmp_path: Path) -> None:
    install(tmp_path, "plug-dist", "plug_module", MODULE, "plug_module:OPS")
    answer = ask(tmp_path, USE)
    assert isinstance(answer, list)
    grad, present, missing, refusals = answer
    assert grad == 1 / 16
    assert not present
    assert "'plug_wrong'" in missing
    assert "plug-dist 1.5" in missing, "the refusal is named where the name is asked for"
    assert "GradientMismatch" in missing
    wrong = next(r for r in refusals if "'plug_wrong'" in r and "GradientMismatch" in r)
    assert "plug-dist 1.5" in wrong
    assert any("plug_leaning" in r for r in refusals), "an op that leans on a refused one must not get in"
    assert any("'not an op' is no op" in r for r in refusals)


def test_broken_plugins_are_named_and_harmless(tmp_path: Path) -> None:
    install(tmp_path, "plug-dist", "plug_module", MODULE, "plug_module:OPS")
    install(tmp_path, "plug-exit", "plug_exit", "import sys; sys.exit(3)", "plug_exit:OPS")
    install(tmp_path, "plug-syntax", "plug_syntax", "def (", "plug_syntax:OPS")
    install(tmp_path, "plug-absent", "plug_absent", "OPS = 3", "plug_absent:OPPS")
    install(tmp_path, "plug-number", "plug_number", "OPS = 3", "plug_number:OPS")
    answer = ask(tmp_path, USE)
    assert isinstance(answer, list)
    assert answer[0] == 1 / 16
    text = "\n".join(answer[3])
    for part in (
        "plug-exit 1.5",
        "sys.exit",
        "plug-syntax 1.5",
        "SyntaxError",
        "plug-absent 1.5",
        "Did you mean 'OPS'",
    ):
        assert part in text
    assert "it is a int" in text


def test_plugins_can_be_kept_out(tmp_path: Path) -> None:
    install(tmp_path, "plug-dist", "plug_module", MODULE, "plug_module:OPS")
    code = """
    import sys
    import minigrad as mg
    answer = [hasattr(mg, "plug_good"), "plug_module" in sys.modules]
    """
    assert ask(tmp_path, code, MINIGRAD_PLUGINS="none") == [False, False]
    assert ask(tmp_path, code, MINIGRAD_PLUGINS="plug-dist") == [True, True]


def test_a_room_is_imported_without_the_ops_of_plugins(tmp_path: Path) -> None:
    """`from minigrad import engines` asks for an attribute first; that must not load what plugins stand on."""
    install(tmp_path, "dist-loud", "loud", "OPS = ()", "loud:OPS")
    answer = ask(
        tmp_path,
        """
        import sys
        from minigrad import engines, diagnosis, tune
        import minigrad as mg
        early = "loud" in sys.modules
        hasattr(mg, "no_such_op")
        answer = [early, "loud" in sys.modules]
        """,
    )
    assert answer == [False, True]


def test_a_refused_op_is_named_by_the_command_line(tmp_path: Path) -> None:
    install(tmp_path, "plug-dist", "plug_module", MODULE, "plug_module:OPS")
    env = environment_of(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "minigrad", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    listed = run("ops")
    assert listed.returncode == 0
    assert "refused: plugin plug-dist" in listed.stdout
    chosen = run("selftest", "--ops", "plug_wrong")
    assert chosen.returncode != 0
    for word in ("plug_wrong", "plug-dist 1.5", "GradientMismatch"):
        assert word in chosen.stdout + chosen.stderr


def test_an_op_that_a_module_registers_itself_is_named_where_its_name_is_asked_for(tmp_path: Path) -> None:
    source = MODULE.split("OPS = ")[0] + "mg.register(plug_wrong)\n"
    install(tmp_path, "plug-dist", "plug_module", source, "plug_module")
    said = ask(
        tmp_path,
        """
        import minigrad as mg
        answer = []
        for name in ("plug_wrong", "plug_wrnog"):
            try:
                getattr(mg, name)
            except AttributeError as error:
                answer.append(str(error))
        """,
    )
    assert isinstance(said, list)
    for word in ("plug_wrong", "plug-dist 1.5", "GradientMismatch"):
        assert word in said[0]
    assert "plug-dist" not in said[1]
    env = environment_of(tmp_path)
    for arguments in (("ops", "plug_wrong"), ("selftest", "--ops", "plug_wrong")):
        command = [sys.executable, "-m", "minigrad", *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        for word in ("plug_wrong", "plug-dist 1.5", "GradientMismatch"):
            assert word in done.stdout + done.stderr, arguments


def test_pytest_in_the_folder_of_a_plugin_runs_its_ops(tmp_path: Path) -> None:
    install(tmp_path / "site", "plug-dist", "plug_module", MODULE, "plug_module:OPS")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "Plug_Dist"\n[tool.pytest.ini_options]\n')
    env = environment_of(tmp_path / "site")
    command = [sys.executable, "-m", "pytest", "--minigrad-ops", "--collect-only", "-q"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert "op-plug_good" in done.stdout, done.stdout + done.stderr
    assert "op-exp" not in done.stdout
    assert done.stdout.count("refused-") == 3
