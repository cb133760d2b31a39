"""The list of ops without a counterpart is that of the registry, and holds all that is not written."""

from __future__ import annotations

from pathlib import Path

from minigrad.core import REGISTRY
from minigrad_onnx.counterparts import markdown_list, ops_without_counterpart
from minigrad_onnx.export import WRITERS

README = Path(__file__).parents[1] / "README.md"


def test_the_list_of_the_readme_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    listed = text.partition("<!-- counterparts -->\n")[2].partition("\n<!-- end -->")[0]
    assert listed == markdown_list(), "run python -m minigrad_onnx.counterparts"


def test_every_op_of_the_registry_is_written_or_listed() -> None:
    listed = {name for names in ops_without_counterpart().values() for name in names}
    own = {op.name for op in REGISTRY if op.module == "numpy" or op.module.startswith("minigrad.")}
    assert not listed & set(WRITERS)
    assert listed | (set(WRITERS) & own) == own
    assert {name for name in WRITERS if not name.startswith("numpy.")} <= own, "written, but no op has this name"
