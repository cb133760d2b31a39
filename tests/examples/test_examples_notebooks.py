"""The notebooks: every cell runs, every day as plain Python, in `soak` in a kernel with one output for each run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import minigrad.examples
from minigrad import data, nn
from minigrad.train import fit
from minigrad.train.output.notebook import in_notebook

FOLDER = Path(minigrad.examples.__file__).parent / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def cells(name: str) -> list[tuple[str, str]]:
    """Kind and source of each cell of a file in jupytext's percent format."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)[1:]
    kinds = ["markdown" if "[markdown]" in mark else "code" for mark in parts[::2]]
    sources = [part.strip() for part in parts[1::2]]
    return [
        (kind, re.sub(r"^# ?", "", source, flags=re.MULTILINE) if kind == "markdown" else source)
        for kind, source in zip(kinds, sources, strict=True)
    ]


def test_there_are_six_with_words_and_code() -> None:
    assert NAMES == ["diagnosis", "own_op", "own_table", "pictures", "pytorch_habits", "text"]
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        kinds = [kind for kind, _ in cells(name)]
        assert kinds[0] == "markdown"
        assert kinds.count("code") >= 2
        assert f"`{name}.py`" in listed


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.soak if name == "text" else ()) for name in NAMES if name != "own_op"]
)
def test_every_cell_runs(name: str) -> None:
    space: dict[str, object] = {"__name__": "__main__"}
    for k, (kind, source) in enumerate(cells(name)):
        if kind == "code":
            exec(compile(source, f"{name}.py cell {k}", "exec"), space)


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_in_a_kernel_a_run_is_one_output(name: str, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install minigrad[notebooks]")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install minigrad[notebooks]")
    v4 = nbformat.v4
    made = [v4.new_code_cell(s) if kind == "code" else v4.new_markdown_cell(s) for kind, s in cells(name)]
    notebook = v4.new_notebook(cells=made)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        shown = [o for o in cell.outputs if o.output_type == "display_data"]
        assert len(shown) == (1 if ".fit(" in cell.source else 0), "one output, drawn anew"
        for output in shown:
            assert "<svg" in output.data["text/html"]
            assert "best       epoch" in output.data["text/html"]
        assert not any(o.output_type == "error" for o in cell.outputs)


# -- the view by itself ------------------------------------------------------------------------------------------------
class FakeOutputs:
    """What IPython.display would be told."""

    def __init__(self) -> None:
        self.first: list[str] = []
        self.updates: list[str] = []

    def HTML(self, text: str) -> str:
        return text

    def display(self, shown: str, *, display_id: bool) -> SimpleNamespace:
        assert display_id
        self.first.append(shown)
        return SimpleNamespace(update=self.updates.append)


def test_the_view_draws_one_output_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeOutputs()
    package: Any = ModuleType("IPython")
    module: Any = ModuleType("IPython.display")
    module.HTML, module.display = fake.HTML, fake.display
    package.display = module
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    assert not in_notebook()
    package.get_ipython = lambda: SimpleNamespace(kernel=object())
    assert in_notebook()
    fit(nn.mlp(4, [3], 3, rng=0), data.load("iris").scaled(), epochs=3, checks=False)
    assert len(fake.first) == 1
    last = fake.updates[-1]
    assert "<svg" in last
    assert "best       epoch" in last
