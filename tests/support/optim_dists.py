"""Throw-away distributions: a module and its metadata in a folder, and a fresh interpreter that sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

GOOD = dedent(
    """
    from typing import ClassVar
    import attrs
    import numpy as np
    from minigrad.optim import Need, NoState, Objective, number

    @attrs.frozen
    class Rule:
        api: ClassVar[tuple[int, int]] = (1, 0)
        needs: ClassVar[Need] = Need.GRAD
        laws: ClassVar[frozenset[str]] = frozenset()
        lr: float = number(1e-2, ge=0.0)

        def init(self, w):
            return NoState()

        def update(self, w, f, state, t):
            return w - self.lr * f.grad, state
    """
)

LOAD_ALL = """
from minigrad.optim import PluginError, available, load
refused, wrong = {}, {}
for name in sorted(available()):
    try:
        load(name)
    except PluginError as error:
        refused[name] = str(error)
    except BaseException as error:
        wrong[name] = repr(error)
"""
"""Loads every optimizer that is installed: what was refused, by name, and what any other error escaped from."""

LOAD_ALL_AND_LOOK = f"""
import os, sys, warnings
import numpy as np
import minigrad.optim
before = [np.geterr(), os.getcwd(), dict(os.environ), list(sys.path), list(warnings.filters)]
{LOAD_ALL}
after = [np.geterr(), os.getcwd(), dict(os.environ), list(sys.path), list(warnings.filters)]
from minigrad.core import tensor
from minigrad.optim import optimizer
w = tensor([1.0, 2.0], requires_grad=True)
opt = optimizer("good", [w], lr=0.5)
w.backward([1.0, 1.0])
opt.step()
answer = dict(refused=refused, wrong=wrong, same=before == after, good=w.numpy().tolist(), listed=sorted(available()))
"""
"""The same, then a step of the plugin `good`, and whether the process is as before."""


def install(
    folder: Path,
    distribution: str,
    entry_points: Mapping[str, str],
    modules: Mapping[str, str],
    version: str = "1.0",
    group: str = "minigrad.optimizers",
) -> None:
    """What an installer would leave in `folder`: the modules and a dist-info with the entry points."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = "".join(f"{name} = {value}\n" for name, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    (info / "RECORD").write_text("")


def ask(folders: list[Path], code: str, **environment: str) -> Any:
    """What `code` leaves in `answer`, in a fresh interpreter that has `folders` on its path."""
    script = f"import json\n{dedent(code)}\nprint('ANSWER' + json.dumps(answer))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), **environment}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=120)
    marked = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
    if not marked:
        raise AssertionError(f"the interpreter ended with {done.returncode}: {done.stdout}\n{done.stderr}")
    return json.loads(marked[-1].removeprefix("ANSWER"))
