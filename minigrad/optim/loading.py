"""Finding optimizers among the entry points, and loading one that keeps the contract.

Listing imports no plugin. Loading keeps a plugin's own errors to itself.
"""

from __future__ import annotations

import inspect
import warnings
from functools import lru_cache, reduce
from typing import cast

import attrs

from minigrad.optim.composition import compose, usual_inner, wraps
from minigrad.optim.errors import LawError, PluginError, SlowPluginWarning, UnknownOptimizer
from minigrad.optim.laws import examine
from minigrad.optim.protocol import API, Need, Optimizer
from minigrad.optim.runner import UpdateRule
from minigrad.plugins import entry_points
from minigrad.plugins.contract import chosen
from minigrad.plugins.entry_points import Entry, Scan
from minigrad.plugins.isolation import ImportFailure, forget, imported

__all__ = [
    "GROUP",
    "Entry",
    "Scan",
    "available",
    "conform",
    "find",
    "inspected",
    "load",
    "load_entry",
    "rescan",
    "scan",
]

GROUP = "minigrad.optimizers"
_PATIENCE = 2.0
"""Seconds that an examination may take without a word."""


def scan() -> Scan:
    """All optimizers on `sys.path`, allowed or not."""
    return entry_points.scan(GROUP)


def available() -> dict[str, Entry]:
    """Name -> entry for every optimizer that may be loaded, without importing any plugin.

    A name that two distributions offer appears as `distribution:name` for each of them instead.
    """
    return entry_points.available(GROUP)


def rescan() -> None:
    """Forget what was loaded and refused, so that new distributions are seen.

    After installing something into a running interpreter.
    """
    entry_points.rescan()
    forget()
    _attempt.cache_clear()


def find(name: str) -> Entry:
    """The entry for `name` or `distribution:name`.

    Raises:
        UnknownOptimizer: there is none, MINIGRAD_PLUGINS keeps it out, or several distributions offer it. The message
            has the nearest name and what is installed.
    """
    return chosen(GROUP, name, "optimizer", UnknownOptimizer)


def load(name: str) -> type[UpdateRule]:
    """The optimizer class called `name` (or `distribution:name`), imported and checked.

    Several names with "/" between are rules over rules, as in `look-ahead/adam`. One that is told no other stands over
    its own default.

    Raises:
        UnknownOptimizer: no distribution offers it, or several do.
        PluginError: it cannot be imported or does not keep the contract; the message names distribution, version,
            entry point and reason.
    """
    rules = [load_entry(find(part)) for part in name.split("/")]
    if wraps(rules[-1]):
        rules.append(usual_inner(rules[-1]))
    return reduce(lambda inner, outer: compose(outer, inner), reversed(rules))


def inspected(name: str) -> type[UpdateRule]:
    """The class called `name`, imported and compared with the contract, its laws unchecked.

    For tools that check them.

    Raises:
        PluginError: as from `load`.
        UnknownOptimizer: as from `load`.
    """
    entry = find(name)
    return conform(_imported(entry), str(entry))


def load_entry(entry: Entry) -> type[UpdateRule]:
    """Load the class behind an entry, and check it, once.

    What was refused stays refused until `rescan`.

    Raises:
        PluginError: it cannot be imported or does not keep the contract.
    """
    cls = _attempt(entry)
    if isinstance(cls, PluginError):
        raise cls.again() from cls.__cause__
    return cls


@lru_cache(maxsize=256)
def _attempt(entry: Entry) -> type[UpdateRule] | PluginError:
    try:
        cls = conform(_imported(entry), str(entry))
    except PluginError as error:
        return error
    report = examine(cls, str(entry))
    if report.seconds > _PATIENCE:
        warnings.warn(
            f"optimizer {entry} took {report.seconds:.1f} s to be checked: its update or its init is slow; "
            f"`minigrad optimizers check {entry.name}` shows the laws",
            SlowPluginWarning,
            stacklevel=4,
        )
    for outcome in report.broken:
        return LawError(str(entry), outcome.law, f"it breaks law {outcome.law} ({outcome.title}): {outcome.detail}")
    return cls


def conform(candidate: object, plugin: str) -> type[UpdateRule]:
    """`candidate` as an optimizer class, if it has everything the contract asks for.

    Raises:
        PluginError: it does not.
    """
    if not isinstance(candidate, type):
        raise PluginError(plugin, f"the entry point must be a class, it is {_article(type(candidate).__name__)}")
    if not attrs.has(candidate):
        raise PluginError(plugin, f"{candidate.__name__} must be an attrs class: decorate it with @attrs.frozen")
    if not _is_frozen(candidate):
        raise PluginError(plugin, f"{candidate.__name__} must be frozen: decorate it with @attrs.frozen")
    _check_attributes(candidate, plugin)
    if Need.GRAD not in candidate.__dict__.get("needs", getattr(candidate, "needs", Need(0))):
        raise PluginError(plugin, f"{candidate.__name__}.needs must include Need.GRAD")
    _check_api(candidate.__dict__.get("api", getattr(candidate, "api", None)), plugin)
    for method in ("init", "update"):
        _check_signature(candidate, method, plugin)
    required = [f.name for f in attrs.fields(candidate) if f.default is attrs.NOTHING and f.init]
    if required:
        raise PluginError(plugin, f"hyperparameters need defaults, {', '.join(required)} has none")
    return cast("type[UpdateRule]", candidate)


def _imported(entry: Entry) -> object:
    try:
        return imported(entry)
    except ImportFailure as failure:
        raise PluginError(str(entry), str(failure)) from failure


def _is_frozen(cls: type) -> bool:
    try:
        setattr(object.__new__(cls), "lr", None)  # noqa: B010  # no such field need exist
    except attrs.exceptions.FrozenInstanceError:
        return True
    except Exception:
        return False
    return False


def _check_attributes(cls: type, plugin: str) -> None:
    for name, kind, example in (
        ("api", tuple, "api: ClassVar[tuple[int, int]] = (1, 0)"),
        ("needs", Need, "needs: ClassVar[Need] = Need.GRAD"),
        ("laws", frozenset, "laws: ClassVar[frozenset[str]] = frozenset()"),
    ):
        if not hasattr(cls, name):
            raise PluginError(plugin, f"{cls.__name__} does not say {name!r}; it should: {example}")
        if not isinstance(getattr(cls, name), kind):
            parameters = type(getattr(cls, name)).__name__
            raise PluginError(plugin, f"{cls.__name__}.{name} is {_article(parameters)}; it should be: {example}")


def _check_api(api: object, plugin: str) -> None:
    ours = ".".join(map(str, API))
    if not (isinstance(api, tuple) and len(api) == 2 and all(type(n) is int for n in api)):
        raise PluginError(plugin, f"api must be two whole numbers such as {API}, got {api!r}")
    gap = f"it was written for contract {api[0]}.{api[1]}, this minigrad speaks {ours}"
    if api[0] > API[0] or (api[0] == API[0] and api[1] > API[1]):
        raise PluginError(plugin, f"{gap}: update minigrad")
    if api[0] < API[0]:
        raise PluginError(plugin, f"{gap}: update the plugin")


def _check_signature(cls: type, name: str, plugin: str) -> None:
    """Same arguments, by position and by name.

    What mypy demands of a Protocol, for plugins that never saw mypy.
    """
    expected_names = list(inspect.signature(getattr(Optimizer, name)).parameters)
    method = inspect.getattr_static(cls, name, None)
    if method is None:
        raise PluginError(plugin, f"{cls.__name__} has no method {name!r}")
    expected = f"{name}({', '.join(expected_names)})"
    if not inspect.isfunction(method):
        raise PluginError(plugin, f"{cls.__name__}.{name} must be a method {expected}, it is {type(method).__name__}")
    if inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method):
        raise PluginError(plugin, f"{cls.__name__}.{name} must be an ordinary method, not async and not a generator")
    parameters = list(inspect.signature(method).parameters.values())
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    extra = [p.name for p in parameters if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
    optional = all(p.default is not p.empty for p in parameters if p.name in positional[len(expected_names) :])
    if positional[: len(expected_names)] != expected_names or extra or not optional:
        raise PluginError(
            plugin, f"{cls.__name__}.{name} has signature {name}{inspect.signature(method)}, expected {expected}"
        )


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
