"""Which rules there are: entry points of the group `minigrad.rules`.

Each is loaded in a container of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import cast

import attrs

from minigrad.core.errors import MinigradError, nearest
from minigrad.diagnosis.rule import FAMILIES, Rule
from minigrad.plugins import entry_points
from minigrad.plugins.entry_points import Entry
from minigrad.plugins.isolation import ImportFailure, contained, imported, summary
from minigrad.text import closest

__all__ = ["GROUP", "Catalog", "RuleError", "rules", "thresholds_of"]

GROUP = "minigrad.rules"
_OWN = "minigrad"


class RuleError(MinigradError):
    """A rule or a threshold that does not exist."""


@attrs.frozen
class Catalog:
    """The rules that could be loaded, and why others could not."""

    rules: tuple[tuple[str, Rule], ...]
    broken: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[str, Rule]]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def find(self, code: str) -> tuple[str, Rule]:
        """The rule of that code, in any case.

        Raises:
            RuleError: there is none; names the nearest one.
        """
        for origin, rule in self.rules:
            if rule.code == code.upper():
                return origin, rule
        codes = [rule.code for _, rule in self.rules]
        raise RuleError(f"there is no rule {code!r}.{nearest(code.upper(), codes)} Known: {', '.join(codes)}")

    def without(self, *codes: str) -> Catalog:
        """Return the catalog less some rules.

        Raises:
            RuleError: one of them does not exist.
        """
        gone = {self.find(code)[1].code for code in codes}
        return Catalog(tuple(pair for pair in self.rules if pair[1].code not in gone), self.broken)

    def tuned(self, thresholds: Mapping[str, float]) -> Catalog:
        """Return the catalog with other thresholds: `{"OVERFIT.gap": 0.2}`.

        Raises:
            RuleError: a rule or threshold does not exist.
        """
        by_code = {rule.code: rule for _, rule in self.rules}
        for name, value in thresholds.items():
            code, _, field = name.partition(".")
            if code.upper() not in by_code and closest(code, ["optimizer", *by_code]) == "optimizer":
                raise RuleError(f"there is no rule {code!r}. Did you mean 'optimizer.{field}'?")
            rule = self.find(code)[1]
            fields = list(thresholds_of(rule))
            if field not in fields:
                raise RuleError(
                    f"{rule.code} has no threshold {field!r}.{nearest(field, fields)} Known: {', '.join(fields)}"
                )
            by_code[rule.code] = _evolved(by_code[rule.code], field, value)
        return Catalog(tuple((origin, by_code[rule.code]) for origin, rule in self.rules), self.broken)


def thresholds_of(rule: Rule) -> dict[str, float]:
    """Its thresholds and their values."""
    cls = type(rule)
    return {f.name: getattr(rule, f.name) for f in attrs.fields(cls)} if attrs.has(cls) else {}


def _evolved(rule: Rule, field: str, value: float) -> Rule:
    """Return a rule with one threshold changed."""
    changed: Rule = type(rule)(**{**thresholds_of(rule), field: value})
    return changed


def rules() -> Catalog:
    """List every rule that is installed and allowed.

    The built-in ones and those of plugins (see MINIGRAD_PLUGINS).
    """
    loaded: dict[str, tuple[str, Rule]] = {}
    broken = list(entry_points.scan(GROUP).problems)
    offers = entry_points.available(GROUP).items()
    for name, entry in sorted(offers, key=lambda offer: offer[1].distribution != _OWN):  # no plugin replaces our own
        for rule in _load(entry):
            if isinstance(rule, str):
                broken.append(rule)
            elif rule.code in loaded:
                owner = loaded[rule.code][0]
                broken.append(f"plugin {entry}: the code {rule.code} ({name}) is taken by {owner}")
            else:
                loaded[rule.code] = f"{entry.distribution} {entry.version}", rule
    return Catalog(tuple(loaded[code] for code in sorted(loaded)), tuple(broken))


@lru_cache(maxsize=256)
def _load(entry: Entry) -> tuple[Rule | str, ...]:
    """The rules behind an entry point, and for each that cannot be used the reason.

    An entry point names the class of one rule, or a function that yields classes.
    """
    try:
        offer = imported(entry)
    except ImportFailure as failure:
        return (f"plugin {entry}: {failure}",)
    if isinstance(offer, type):
        return (_create(entry, offer),)
    if not callable(offer):
        kind = type(offer).__name__
        return (f"plugin {entry}: the entry point must name a class, or a function that yields classes, not a {kind}",)
    try:
        with contained():
            classes = list(offer())
    except Exception as error:
        return (f"plugin {entry}: {entry.value}() raised {summary(error)}",)
    return tuple(_create(entry, cls) for cls in classes)


def _create(entry: Entry, cls: object) -> Rule | str:
    """A rule with its default thresholds, or why there is none."""
    if not isinstance(cls, type):
        return f"plugin {entry}: it yields {cls!r}, which is no class"
    missing = [a for a in ("code", "family", "title", "source", "effects", "look") if not hasattr(cls, a)]
    if missing:
        return f"plugin {entry}: {cls.__name__} lacks {', '.join(missing)} (see minigrad.diagnosis.Rule)"
    if not attrs.has(cls):
        return f"plugin {entry}: {cls.__name__} must be an attrs class: decorate it with @attrs.frozen"
    try:
        with contained():
            rule = cast("Rule", cls())
    except Exception as error:
        return f"plugin {entry}: {cls.__name__}() raised {summary(error)}"
    if rule.family not in FAMILIES:
        return f"plugin {entry}: family {rule.family!r} is none of {', '.join(FAMILIES)}"
    return rule
