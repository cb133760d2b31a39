"""Optimizer state as a flat dict of arrays and plain values by parameter name, and back.

Keys: `state/<parameter>/<leaf>` holds a leaf of the length of the parameters, cut into that parameter's shape;
`shared/<group>.<dtype>/<leaf>` any other leaf. Nothing in it is aliased, pickled, or positional.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import StateError
from minigrad.optim.runner import RuleRunner, UpdateRule
from minigrad.optim.state import Leaf, Migrates, State, check_fits, copied, leaves, rebuild, state_version
from minigrad.optim.stateful.buckets import ParamBucket

__all__ = ["FORMAT", "StateDict", "pack", "unpack"]

StateDict: TypeAlias = dict[str, Array | float | int | bool | str]
FORMAT = 1
_OWN = "driver."


def pack(
    buckets: Sequence[ParamBucket], runners: Sequence[RuleRunner], extras: Sequence[Mapping[str, Array]]
) -> StateDict:
    """All leaves of all states, and the driver's own vectors for each bucket, copied."""
    packed: StateDict = {"format": FORMAT, "state_version": state_version(runners[0].rule)}
    for bucket, runner, extra in zip(buckets, runners, extras, strict=True):
        for name, leaf in {**leaves(runner.state), **{_OWN + k: v for k, v in extra.items()}}.items():
            if isinstance(leaf, np.ndarray) and leaf.shape == bucket.params.shape and leaf.dtype == bucket.params.dtype:
                for segment in bucket.layout:
                    packed[f"state/{segment.name}/{name}"] = segment.of(leaf).copy()
            else:
                packed[f"shared/{_key(bucket)}/{name}"] = copied(leaf)
    return packed


def unpack(
    owner: str,
    saved: Mapping[str, object],
    buckets: Sequence[ParamBucket],
    runners: Sequence[RuleRunner],
    extras: Sequence[Mapping[str, Array]],
) -> tuple[dict[str, int], list[dict[str, Array]]]:
    """Give the saved state to `runners`, all or none.

    Returns the driver's counts and its own vectors.

    Raises:
        StateError: naming what is missing, unexpected or of the wrong form.
    """
    if saved.get("format") != FORMAT:
        raise StateError(f"{owner}: not an optimizer state of format {FORMAT}: format is {saved.get('format')!r}")
    theirs, ours = str(saved.get("optimizer", "")), owner
    if theirs.split(" ")[0] != ours.split(" ")[0]:
        raise StateError(f"{owner}: this state was saved by {theirs!r}")
    counts = {key: _count(owner, saved, key) for key in ("t", "micro", "averaged", "state_version")}
    states, vectors = [], []
    used: set[str] = set()
    for bucket, runner, extra in zip(buckets, runners, extras, strict=True):
        tree = _leaves_of_bucket(owner, saved, bucket, used)
        own = {k.removeprefix(_OWN): tree.pop(k) for k in list(tree) if k.startswith(_OWN)}
        check_fits(f"{owner} (followers)", own, extra)
        vectors.append({k: v for k, v in own.items() if isinstance(v, np.ndarray)})
        states.append(_restore(owner, tree, runner, counts["state_version"]))
    strangers = [k for k in saved if k.startswith(("state/", "shared/")) and k not in used]
    if strangers:
        raise StateError(f"{owner}: the saved state holds entries for nothing here: {', '.join(strangers[:5])}")
    for runner, state in zip(runners, states, strict=True):
        runner.state = state
    return counts, vectors


def _restore(owner: str, tree: Mapping[str, Leaf], runner: RuleRunner, version: int) -> State:
    rule: UpdateRule = runner.rule
    if version != state_version(rule):
        if not isinstance(rule, Migrates):
            raise StateError(
                f"{owner}: the state has version {version}, this plugin {state_version(rule)} and no migrate()"
            )
        tree = rule.migrate(version, tree)
    check_fits(owner, tree, leaves(runner.state))
    return rebuild(runner.state, tree)


def _leaves_of_bucket(owner: str, saved: Mapping[str, object], bucket: ParamBucket, used: set[str]) -> dict[str, Leaf]:
    """The leaves that `saved` has for one bucket, the flat ones joined again."""
    tree: dict[str, Leaf] = {}
    prefix = f"shared/{_key(bucket)}/"
    for key, value in saved.items():
        if key.startswith(prefix) and isinstance(value, np.ndarray | float | int):
            tree[key.removeprefix(prefix)] = copied(value)
            used.add(key)
    names = {
        key.rsplit("/", 1)[1]
        for key in saved
        for segment in bucket.layout
        if key.startswith("state/") and key.removeprefix("state/").rsplit("/", 1)[0] == segment.name
    }
    for name in names:
        flat = np.empty_like(bucket.params)
        for segment in bucket.layout:
            key = f"state/{segment.name}/{name}"
            part = saved.get(key)
            if not isinstance(part, np.ndarray) or part.shape != segment.shape or part.dtype != flat.dtype:
                form = f"{part.dtype}{list(part.shape)}" if isinstance(part, np.ndarray) else repr(part)
                raise StateError(
                    f"{owner}: {key!r} should be {flat.dtype}{list(segment.shape)}, the saved state has {form}"
                )
            segment.of(flat)[...] = part
            used.add(key)
        tree[name] = flat
    return tree


def _key(bucket: ParamBucket) -> str:
    return f"{bucket.group}.{bucket.params.dtype}"


def _count(owner: str, saved: Mapping[str, object], key: str) -> int:
    value = saved.get(key)
    if not isinstance(value, int) or value < 0:
        raise StateError(f"{owner}: {key!r} should be a whole number, the saved state has {value!r}")
    return value
