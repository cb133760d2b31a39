"""Causes hide their after-effects; a broken rule, or a broken plugin, hurts nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import attrs
import pytest

import minigrad
from minigrad.diagnosis import Catalog, Evidence, Finding, RuleError, diagnose, rules
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.rule import Family, Rule
from minigrad.plugins.entry_points import scan
from support.diagnosis_evidence import data, sound


@attrs.frozen
class Always:
    """A rule that always speaks. Attributes: kind: how."""

    code: ClassVar[str] = "ALWAYS"
    family: ClassVar[Family] = "rate"
    title: ClassVar[str] = "always"
    source: ClassVar[str] = "this test"
    effects: ClassVar[frozenset[str]] = frozenset({"LATER"})

    note: float = 0.0

    def look(self, seen: Evidence) -> Iterable[Finding]:
        yield Finding("NOTE" if self.note else "FAULT", self.code, "here", {"figure": 1.0}, "it is so", ("do this",))


@attrs.frozen
class Later(Always):
    """One that ALWAYS explains."""

    code: ClassVar[str] = "LATER"
    family: ClassVar[Family] = "data"
    effects: ClassVar[frozenset[str]] = frozenset()


@attrs.frozen
class LaterTwice(Later):
    """Two findings of one code."""

    def look(self, seen: Evidence) -> Iterable[Finding]:
        for where in ("here", "there"):
            yield Finding("FAULT", self.code, where, {}, "it is so")


@attrs.frozen
class Mutual(Always):
    """One that explains LATER and is explained by it, and comes after it."""

    code: ClassVar[str] = "ALWAYS"
    family: ClassVar[Family] = "fit"


@attrs.frozen
class LaterMutual(Later):
    """The other one."""

    effects: ClassVar[frozenset[str]] = frozenset({"ALWAYS"})


class Raises(Always):
    """One that fails."""

    code: ClassVar[str] = "RAISES"

    def look(self, seen: Evidence) -> Iterable[Finding]:
        raise ZeroDivisionError("in a rule")


class Lies(Always):
    """One that gives something else."""

    code: ClassVar[str] = "LIES"

    def look(self, seen: Evidence) -> Iterable[Finding]:
        return ["not a finding"]  # type: ignore[list-item]  # on purpose


def of(*chosen: Rule) -> Catalog:
    return Catalog(tuple(("test 1.0", rule) for rule in chosen))


def test_a_cause_hides_its_effect_whatever_family_comes_first() -> None:
    found = diagnose(sound(), of(Later(), Always()))
    assert [f.code for f in found.findings] == ["ALWAYS"]
    assert [(f.code, by) for f, by in found.effects] == [("LATER", "ALWAYS")]


def test_findings_of_one_code_that_one_fault_explains_are_named_once_with_their_places() -> None:
    found = diagnose(sound(), of(LaterTwice(), Always()))
    assert str(found).endswith("explained by these: LATER (here, there) by ALWAYS")
    explained = [{"code": "LATER", "kind": "FAULT", "where": where, "of": "ALWAYS"} for where in ("here", "there")]
    assert found.as_document()["effects"] == explained
    assert str(diagnose(sound(), of(Later(), Always()))).endswith("explained by these: LATER by ALWAYS")


def test_a_note_hides_nothing() -> None:
    found = diagnose(sound(), of(Later(), Always(note=1.0)))
    assert [f.code for f in found.findings] == ["LATER", "ALWAYS"]
    assert [f.kind for f in found.findings] == ["FAULT", "NOTE"]


def test_of_two_that_explain_each_other_the_first_stays() -> None:
    found = diagnose(sound(), of(Mutual(), LaterMutual()))
    assert [f.code for f in found.findings] == ["LATER"]


def test_rules_that_fail_are_named_and_the_others_go_on() -> None:
    found = diagnose(sound(), of(Raises(), Lies(), Always()))
    assert [f.code for f in found.findings] == ["ALWAYS"]
    assert "RAISES of test 1.0: ZeroDivisionError: in a rule" in found.broken[0]
    assert "LIES of test 1.0" in found.broken[1]
    assert "'not a finding'" in found.broken[1]


def test_more_than_three_pieces_of_advice_are_refused() -> None:
    with pytest.raises(ValueError, match="three at most"):
        Finding("FAULT", "X", "", {}, "why", ("a", "b", "c", "d"))


def test_a_misspelt_rule_or_threshold_names_the_nearest() -> None:
    with pytest.raises(RuleError, match="Did you mean 'LR_HIGH'"):
        rules().find("lr_hihg")
    with pytest.raises(RuleError, match=r"OVERFIT has no threshold 'gapp'.*Did you mean 'gap'"):
        rules().tuned({"OVERFIT.gapp": 1.0})


def install(folder: Path, name: str, code: str, entry: str) -> None:
    """A distribution with one rule."""
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[minigrad.rules]\n{entry} = {name}:Own\n")


RULE = '''
from typing import ClassVar
import attrs
from minigrad.diagnosis import Finding

@attrs.frozen
class Own:
    """Few rows. Attributes: rows: how few."""
    code: ClassVar[str] = "FEW_ROWS"
    family: ClassVar[str] = "data"
    title: ClassVar[str] = "few rows"
    source: ClassVar[str] = "here"
    effects: ClassVar[frozenset[str]] = frozenset({"OVERFIT"})
    rows: int = 50

    def look(self, seen):
        if seen.data.rows < self.rows:
            yield Finding("FAULT", self.code, "", {"rows": seen.data.rows}, "too few", ("find more",))
'''


def test_a_plugin_adds_a_rule_and_broken_ones_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "good_rules", RULE, "few-rows")
    install(tmp_path, "bad_rules", "raise RuntimeError('no')", "bad")
    install(tmp_path, "loud_rules", "print('hello')\n" + RULE, "loud")
    install(tmp_path, "thin_rules", "class Own:\n    code = 'THIN'", "thin")
    install(tmp_path, "twin_rules", RULE.replace("FEW_ROWS", "LEAK"), "a-twin")
    both = RULE.replace("class Own", "class One") + RULE.replace("class Own", "class Two").replace("FEW", "FEWER")
    install(tmp_path, "many_rules", both.replace("FEW_", "SOME_") + "\ndef Own():\n    return [One, Two, 3]\n", "many")
    install(tmp_path, "failing_rules", "def Own():\n    yield from 1 / 0", "failing")
    install(tmp_path, "number_rules", "Own = 3", "number")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = rules()
    assert found.find("few_rows")[0] == "good_rules 1.5"
    text = "\n".join(found.broken)
    assert "plugin bad (bad_rules 1.5, bad_rules:Own): importing bad_rules raised RuntimeError: no" in text
    assert "plugin loud (loud_rules 1.5" in text
    assert "printed 'hello" in text
    assert "Own lacks family, title, source, effects, look" in text
    assert "the code LEAK (a-twin) is taken by minigrad" in text
    assert {"SOME_ROWS", "FEWER_ROWS"} <= {rule.code for origin, rule in found if origin == "many_rules 1.5"}
    assert "plugin many (many_rules 1.5, many_rules:Own): it yields 3, which is no class" in text
    assert "failing_rules:Own() raised ZeroDivisionError" in text
    assert "a class, or a function that yields classes, not a int" in text
    assert len(found.broken) == 7
    diagnosis = diagnose(data(rows=20)(sound()), found.without("SOME_ROWS", "FEWER_ROWS"))
    assert diagnosis.faults[0].code == "FEW_ROWS"
    assert "rule left out: plugin bad" in str(diagnosis)


def test_plugins_can_be_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "kept_rules", RULE.replace("FEW_ROWS", "KEPT"), "kept")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("MINIGRAD_PLUGINS", "none")
    assert "KEPT" not in {rule.code for _, rule in rules()}


def test_the_built_in_rules_stand_behind_one_entry_point() -> None:
    own = [entry for entry in scan("minigrad.rules").entries if entry.distribution == "minigrad"]
    assert [entry.name for entry in own] == ["built-in"]
    found = rules()
    codes = [rule.code for origin, rule in found if origin == f"minigrad {minigrad.__version__}"]
    assert len(codes) == 54
    assert codes == sorted(codes)
    defined = {
        value.code
        for path in (Path(minigrad.__file__).parent / "diagnosis" / "builtin").glob("*.py")
        for value in vars(import_module(f"minigrad.diagnosis.builtin.{path.stem}")).values()
        if isinstance(value, type) and issubclass(value, Builtin) and value is not Builtin
    }
    assert set(codes) == defined, "a rule that is written is yielded"
