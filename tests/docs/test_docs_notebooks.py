"""The gallery's notebooks hold each example's code, statement for statement, and train to its figures."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from minigrad.docs.reference.example_notebooks import notebook_cells, write_notebooks
from minigrad.docs.reference.example_table import example_sections
from minigrad.examples import Example, examples
from minigrad.train import load_script

EXAMPLES = examples()
QUICK = ("newton_logistic",)


def run(example: Example) -> dict[str, Any]:
    """What the cells leave behind, and as `last` what the last one shows."""
    space: dict[str, Any] = {"__name__": "__main__"}
    code = [text for kind, text in notebook_cells(example) if kind == "code"]
    for k, text in enumerate(code if example.is_script else code[:-1]):
        exec(compile(text, f"{example.name}, cell {k}", "exec"), space)
    return space if example.is_script else {**space, "last": eval(code[-1], space)}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.name))
def test_cells_are_the_script_statement_for_statement(example: Example) -> None:
    text = example.path.read_text()
    script = [ast.dump(node) for node in ast.parse(text).body[1:] if not isinstance(node, ast.If)]
    (kind, words), *code = notebook_cells(example)
    assert kind == "markdown"
    assert example.title in words
    assert [kind for kind, _ in code] == ["code"] * len(code)
    assert [ast.dump(node) for _, part in code[:-1] for node in ast.parse(part).body] == script
    comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert not [line for line in comments if not any(line in part for _, part in code)]


def test_every_example_has_a_notebook_and_a_link_to_it(tmp_path: Path) -> None:
    write_notebooks(tmp_path / "notebooks")
    assert sorted(path.stem for path in tmp_path.rglob("*.ipynb")) == sorted(example.name for example in EXAMPLES)
    sections = example_sections()
    for path in tmp_path.rglob("*.ipynb"):
        assert f'/{path.name}" download' in sections
        notebook = json.loads(path.read_text())
        assert notebook["nbformat"] == 4
        assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
        assert all((cell["cell_type"] == "code") == ("outputs" in cell) for cell in notebook["cells"])


@pytest.mark.parametrize(
    "example", [pytest.param(e, id=e.name, marks=() if e.name in QUICK else pytest.mark.soak) for e in EXAMPLES]
)
def test_a_notebook_trains_to_the_figures_of_its_example(example: Example) -> None:
    space = run(example)
    if not example.is_script:
        assert space["last"] == example.main()
        return
    expected = load_script(example.path).fit(quiet=True)
    assert [e.train_loss for e in space["history"].epochs] == [e.train_loss for e in expected.epochs]


@pytest.mark.soak
@pytest.mark.parametrize("name", ["newton_logistic", "spiral"])
def test_a_kernel_runs_a_notebook(name: str, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install minigrad[notebooks]")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install minigrad[notebooks]")
    write_notebooks(tmp_path)
    notebook = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert not [o for cell in notebook.cells for o in cell.get("outputs", ()) if o.output_type == "error"]
