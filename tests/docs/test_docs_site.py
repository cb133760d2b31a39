"""The site that `minigrad docs` builds is whole and offline; what is wrong with a page is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from minigrad.api import PUBLIC, register_all
from minigrad.cli import main
from minigrad.cli.manual.all_parsers import all_parsers
from minigrad.core import REGISTRY
from minigrad.docs import examine_site, site, sources
from minigrad.docs.markdown import anchor, docstring, escape, signature
from minigrad.docs.reference.public_names import name_pages, public_names

GENERATOR = all(find_spec(name) is not None for name in ("sphinx", "furo", "myst_parser"))


@pytest.mark.soak
@pytest.mark.skipif(not GENERATOR, reason="the extra docs is not installed")
def test_the_whole_site_is_strict_complete_and_offline(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "minigrad", "docs", "--no-open", "--json", "--out", str(tmp_path)]
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["broken_links"] == document["missing_names"] == []
    assert document["pages"] > 80
    assert not examine_site.fetched(examine_site.read_pages(tmp_path))
    assert (tmp_path / "searchindex.js").exists()


def test_every_public_name_has_a_section() -> None:
    text = "\n".join(page.text for page in name_pages())
    anchors = [anchor("name", f"mg.{name}") for name in public_names()["minigrad"] if name not in PUBLIC[""].split()]
    assert len(anchors) > 350
    assert not [name for name in anchors if f"({name})=" not in text]


def test_anchors_tell_everything_apart() -> None:
    register_all()
    anchors = sources.expected_anchors(all_parsers())
    assert len(anchors) == len(set(anchors))
    assert len(anchors) > 350 + len(list(REGISTRY))


def test_a_broken_link_a_missing_name_and_a_fetch_are_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="here">a</h1><a href="b.html#there">b</a><a href="#here">a</a>')
    (tmp_path / "b.html").write_text('<a href="c.html">c</a><script src="https://elsewhere.example/x.js"></script>')
    pages = examine_site.read_pages(tmp_path)
    assert examine_site.broken_links(tmp_path, pages) == ["a.html: b.html#there", "b.html: c.html"]
    assert examine_site.missing_names(pages, ["here", "there"]) == ["there"]
    assert examine_site.fetched(pages) == ["b.html: https://elsewhere.example/x.js"]


def test_a_page_that_is_wrong_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not GENERATOR:
        pytest.skip("the extra docs is not installed")

    def write(folder: Path, parsers: object, tell: object) -> list[str]:
        folder.mkdir()
        (folder / "index.md").write_text("# One\n\n[nowhere](/no/such/page)\n")
        return []

    monkeypatch.setattr(site, "write_sources", write)
    told: list[tuple[float, str]] = []
    with pytest.raises(site.DocsUnavailable, match=r"no/such/page"):
        site.build_site(tmp_path, {}, lambda share, text: told.append((share, text)))
    assert told[0][1] == "reading: index"
    assert [share for share, _ in told] == sorted(share for share, _ in told)


def test_the_missing_extra_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(site, "find_spec", lambda name: None)
    with pytest.raises(site.DocsUnavailable, match=r"pip install '\.\[docs\]'") as caught:
        site.build_site(tmp_path, {})
    assert len(str(caught.value)) < 300


def test_the_terminal_tells_all_about_an_op(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "softmax"]) == 0
    told = capsys.readouterr().out
    assert main(["docs", "--op", "softmax"]) == 0
    assert capsys.readouterr().out == told
    for part in ("softmax(x, *, axis=-1)", "without overflow", "domain: x: real", '@softmax.vjp("x")', "reveals"):
        assert part in told
    assert main(["ops", "softmx"]) == 1
    assert "Did you mean 'softmax'" in capsys.readouterr().err
    assert main(["ops", "relu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["relu"]["kinks"]


def test_docstrings_become_markdown() -> None:
    text = docstring(
        "Compute x * y_0 <= 1.\n\n    More `a*b`.\n\nArgs:\n    x: first,\n        of *two*.\n    *ys: others.\n"
    )
    assert r"Compute x \* y\_0 \<= 1." in text
    assert "`a*b`" in text or "More" in text
    assert "- `x`: first, of \\*two\\*." in text
    assert "- `*ys`: others." in text
    assert escape("a `b*c` d*e") == r"a `b*c` d\*e"


def test_signatures_are_as_one_would_write_them() -> None:
    def example(x: int, *, dtype: type = float) -> str:
        return ""

    assert signature("mg.example", example) == "mg.example(x: int, *, dtype: type = float) -> str"


def test_a_name_leads_to_the_function_behind_its_wrapper_and_to_its_section() -> None:
    pages = {page.path: page.text for page in name_pages()}
    functions = pages["reference/mg/ops-functions"]
    assert "Source: `minigrad/ops/functions.py`, line" in functions
    assert "public_functions/" not in "".join(pages.values())
    index = pages["reference/names"]
    assert [name for name in public_names()["minigrad"] if name not in PUBLIC[""].split()
        and f"]({anchor('name', f'mg.{name}')})" not in index] == []  # fmt: skip


def test_what_every_module_has_stands_with_module_alone() -> None:
    layers = next(page.text for page in name_pages() if page.path == "reference/rooms/nn")
    assert layers.count("| `named_parameters(self)") == 1
    assert "## nn.Linear\n\n```py\nnn.Linear(" in layers
    assert "nn.ReLU() -> None" not in layers
