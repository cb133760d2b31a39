"""Optimizer state as a flat dict of arrays and plain values by parameter name, and back.

Keys:

- `state/<parameter>/<leaf>`: a parameter's part of a leaf as long as the parameters, in its shape; or its element of a
  leaf that is a tuple of arrays, one for each parameter.
- `shared/<block>/<leaf>`: any other leaf of the state of a block of parameters.
- `age/<parameter>`: steps that a parameter has made, where they are fewer than the optimizer's.
- `order/<block>`: the names of the block's parameters in order, as JSON. Older states have none.

Nothing in it is aliased, pickled, or positional.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.errors import StateError
from minigrad.optim.protocol import Segment
from minigrad.optim.runner import RuleRunner
from minigrad.optim.state import Leaf, Migrates, State, check_fits, copied, leaves, rebuild, same, state_version
from minigrad.optim.stateful.blocks import ParamBlock
from minigrad.optim.stateful.buckets import ParamBucket

__all__ = ["FORMAT", "SavedState", "StateDict", "pack", "pack_vectors", "quote_names"]

StateDict: TypeAlias = dict[str, Array | float | int | bool | str]
FORMAT = 1
_DRIVER = "driver."
_SHOWN = 4


def pack(blocks: Sequence[ParamBlock], runners: Sequence[RuleRunner]) -> StateDict:
    """All leaves of all states, copied."""
    import json  # which only those who save need

    packed: StateDict = {"format": FORMAT, "state_version": state_version(runners[0].rule)}
    for block, runner in zip(blocks, runners, strict=True):
        packed[f"order/{block.key}"] = json.dumps(block.names)
        state = leaves(runner.state)
        for name, leaf in state.items():
            if _is_flat(leaf, block):
                for segment in block.layout:
                    packed[f"state/{segment.name}/{name}"] = segment.of(leaf).copy()  # type: ignore[arg-type]  # an array
                continue
            stem, element = _element_of(name, state, block)
            packed[f"state/{element.name}/{stem}" if element else f"shared/{block.key}/{name}"] = copied(leaf)
    return packed


def pack_vectors(buckets: Sequence[ParamBucket], vectors: Sequence[Mapping[str, Array]]) -> StateDict:
    """The optimizer's own vectors for each bucket, such as averages, copied."""
    return {
        f"state/{segment.name}/{_DRIVER}{name}": segment.of(vector).copy()
        for bucket, named in zip(buckets, vectors, strict=True)
        for name, vector in named.items()
        for segment in bucket.layout
    }


@attrs.define(eq=False)
class SavedState:
    """What `state_dict` returned, for an optimizer that wants to go on from it.

    Args:
        owner: the optimizer, for messages.
        saved: the dict.
        strict: whether saved and present parameters have to be the same. Otherwise what only one of them has is left as
            it is, and a block whose state cannot be taken in part keeps its own.
        rename: saved name of a parameter -> its name here.

    Raises:
        StateError: it is not the state of this optimizer, or of an unknown format.
    """

    owner: str
    saved: Mapping[str, object]
    strict: bool = True
    rename: Mapping[str, str] = attrs.field(factory=dict)
    parameters: dict[str, dict[str, Array]] = attrs.field(init=False, factory=dict)
    orders: dict[str, list[str]] = attrs.field(init=False, factory=dict)
    shared: dict[str, dict[str, Leaf]] = attrs.field(init=False, factory=dict)
    ages: dict[str, int] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.saved, Mapping):
            raise StateError(f"the state of {self.owner} is a mapping, not a {type(self.saved).__name__}")
        if self.saved.get("format") != FORMAT:
            raise StateError(
                f"{self.owner}: not an optimizer state of format {FORMAT}: format is {self.saved.get('format')!r}"
            )
        theirs = str(self.saved.get("optimizer", ""))
        if theirs.split(" ")[0] != self.owner.split(" ")[0]:
            raise StateError(f"{self.owner}: this state was saved by {theirs!r}")
        if not isinstance(self.rename, Mapping):
            raise StateError(f"{self.owner}: rename={{saved: present}} is a mapping of names, not {self.rename!r:.60}")
        for key, value in self.saved.items():
            kind, _, rest = key.partition("/")
            if kind == "state" and isinstance(value, np.ndarray):
                name, _, leaf = rest.rpartition("/")
                self.parameters.setdefault(self.rename.get(name, name), {})[leaf] = value
            elif kind == "shared" and isinstance(value, np.ndarray | float | int):
                block, _, leaf = rest.partition("/")
                self.shared.setdefault(block, {})[leaf] = value
            elif kind == "age" and isinstance(value, int):
                self.ages[self.rename.get(rest, rest)] = value
            elif kind == "order" and isinstance(value, str):
                self.orders[rest] = [self.rename.get(name, name) for name in self._names_in(key, value)]

    def _names_in(self, key: str, value: str) -> list[str]:
        import json

        try:
            names = json.loads(value)
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise StateError(f"{self.owner}: the saved state is damaged: {key} is {value!r:.60}, not a list of names")
        return names

    def count(self, key: str) -> int:
        """A whole number that the state says.

        Raises:
            StateError: it does not.
        """
        value = self.saved.get(key)
        if not isinstance(value, int) or value < 0:
            raise StateError(f"{self.owner}: {key!r} should be a whole number, the saved state has {value!r}")
        return value

    def age(self, name: str, here: int) -> int:
        """Steps that a parameter has made; `here` if the state knows nothing of it."""
        if name in self.ages:
            return self.ages[name]
        known = name in self.parameters or any(name in names for names in self.orders.values())
        return self.count("t") if known or not self.orders else here

    def check_names(self, blocks: Sequence[ParamBlock]) -> None:
        """Compare the saved parameters with those here.

        Raises:
            StateError: with `strict`, if they differ; in any case if `rename` names what is not there.
        """
        here = {name for block in blocks for name in block.names}
        saved = {name for names in self.orders.values() for name in names} | self.parameters.keys()
        stray = [old for old, new in self.rename.items() if new not in saved or new not in here]
        if stray:
            raise StateError(f"{self.owner}: rename= mentions {quote_names(stray)}, which is not both saved and here")
        twice = [new for new in self.rename.values() if len(self._origins(new)) > 1]
        if twice:
            raise StateError(f"{self.owner}: rename= gives {quote_names(twice[:1])} the states of several parameters")
        if not self.strict or not saved:
            return
        unknown, absent = sorted(saved - here), sorted(here - saved) if self.orders or self.parameters else []
        if unknown or absent:
            parts = [f"it has {quote_names(unknown)}, which are no parameters here"] if unknown else []
            parts += [f"it has nothing for {quote_names(absent)}"] if absent else []
            raise StateError(
                f"{self.owner}: the saved state is of other parameters: {' and '.join(parts)}. "
                "rename={saved: present} gives other names, strict=False takes what fits"
            )

    def _origins(self, name: str) -> set[str]:
        """The saved parameters whose state goes to the one of that name here."""
        keys = (key.removeprefix("state/").rpartition("/")[0] for key in self.saved if key.startswith("state/"))
        return {old for old in keys if self.rename.get(old, old) == name}

    def state_for(self, block: ParamBlock, runner: RuleRunner, version: int) -> State:
        """The state that a block's rule goes on with.

        Raises:
            StateError: what was saved for it is missing or of another form.
        """
        own = leaves(runner.state)
        tree = self._tree(block, own, version == state_version(runner.rule))
        if tree is None:
            return runner.state
        if version != state_version(runner.rule):
            if not isinstance(runner.rule, Migrates):
                raise StateError(
                    f"{self.owner}: the state has version {version}, this plugin {state_version(runner.rule)} and no "
                    "migrate()"
                )
            tree = dict(runner.rule.migrate(version, tree))
        check_fits(self.owner, tree, own)
        return rebuild(runner.state, tree)

    def vectors_for(self, bucket: ParamBucket, own: Mapping[str, Array]) -> dict[str, Array]:
        """The optimizer's own vectors for a bucket, by name.

        Raises:
            StateError: one is missing, unexpected or of another shape.
        """
        names = {n for s in bucket.layout for n in self.parameters.get(s.name, ()) if n.startswith(_DRIVER)}
        found = {
            n.removeprefix(_DRIVER): self._joined(n, bucket.layout, own.get(n.removeprefix(_DRIVER))) for n in names
        }
        vectors = {name: vector for name, vector in found.items() if vector is not None}
        check_fits(f"{self.owner} (followers)", vectors, own)
        return vectors

    def _tree(self, block: ParamBlock, own: Mapping[str, Leaf], current: bool) -> dict[str, Leaf] | None:
        """Join the leaves saved for a block.

        None if they cannot be taken over and need not be.
        """
        sources = [key for key, names in self.orders.items() if set(names) & set(block.names)]
        if not self.orders:
            keys = dict.fromkeys((block.key, *self.shared))
            sources = [key for key in keys if key in self.shared and key.split(".")[-1] == str(block.w.dtype)]
        if not self.strict and not any(self.parameters.get(n) for n in block.names) and not sources:
            return None
        tree: dict[str, Leaf] = {}
        for name in {n for key in sources for n in self.shared.get(key, ())}:
            leaf = self._shared(name, block, sources)
            if leaf is None:
                return None
            tree[name] = leaf
        names = {n for s in block.layout for n in self.parameters.get(s.name, ()) if not n.startswith(_DRIVER)}
        for name in names:
            if f"{name}.0" in own if current else not self._has_shapes(name, block):
                for k, segment in enumerate(block.layout):
                    part = self.parameters.get(segment.name, {}).get(name)
                    tree[f"{name}.{k}"] = self._present(part, own.get(f"{name}.{k}"), segment.name, name)
            else:
                old = own.get(name)
                joined = self._joined(name, block.layout, old if isinstance(old, np.ndarray) else None, block.w.dtype)
                if joined is not None:
                    tree[name] = joined
        return tree

    def _shared(self, name: str, block: ParamBlock, sources: Sequence[str]) -> Leaf | None:
        """Arrange a leaf that is no parameter's own for the parameters here.

        The axes that run over all parameters are put in their order.
        """
        found = [(key, self.shared[key][name]) for key in sources if name in self.shared.get(key, {})]
        key, leaf = found[0]
        if any(not same(leaf, other) for _, other in found[1:]):
            if not self.strict:
                return None
            raise StateError(
                f"{self.owner}: {quote_names(list(block.names))} come from groups that were saved with different "
                f"{name!r}, so they cannot go on as one; strict=False lets them begin anew"
            )
        order = self.orders.get(key, list(block.names))
        if not isinstance(leaf, np.ndarray) or block.w.size not in leaf.shape or order == list(block.names):
            return copied(leaf)
        if sorted(order) != sorted(block.names):
            if not self.strict:
                return None
            raise StateError(
                f"{self.owner}: {name!r} was saved for {quote_names(order)} together and cannot be taken in part; "
                "strict=False lets it begin anew"
            )
        sizes = {segment.name: segment for segment in block.layout}
        starts, at = {}, 0
        for parameter in order:
            starts[parameter] = at
            at += sizes[parameter].size
        index = np.concatenate([np.arange(starts[s.name], starts[s.name] + s.size) for s in block.layout])
        for axis, extent in enumerate(leaf.shape):
            if extent == block.w.size:
                leaf = np.take(leaf, index, axis=axis)
        return leaf

    def _has_shapes(self, name: str, block: ParamBlock) -> bool:
        """Whether a leaf of an older form has the shapes of the parameters."""
        parts = [(s, self.parameters.get(s.name, {}).get(name)) for s in block.layout]
        return all(part is None or part.shape == s.shape for s, part in parts)

    def _joined(
        self, name: str, layout: Sequence[Segment], old: Array | None, dtype: np.dtype[np.generic] | None = None
    ) -> Array | None:
        """Join a leaf as long as the parameters from their parts.

        Parts of `old` where there is none and need not be.
        """
        kind = old.dtype if old is not None else dtype
        flat = np.empty(layout[-1].stop, kind or np.float64) if old is None else old.copy()
        for segment in layout:
            part = self.parameters.get(segment.name, {}).get(name)
            if part is None and not self.strict:
                if old is None:
                    return None
                continue
            if part is None or part.shape != segment.shape or (kind is not None and part.dtype != kind):
                form = f"{part.dtype}{list(part.shape)}" if part is not None else "nothing"
                wanted = f"{kind or ''}{list(segment.shape)}"
                raise StateError(
                    f"{self.owner}: {name!r} of parameter {segment.name!r} should be {wanted}, the saved "
                    f"state has {form}"
                )
            segment.of(flat)[...] = part
        return flat

    def _present(self, part: Array | None, old: Leaf | None, parameter: str, name: str) -> Leaf:
        if part is not None:
            return part.copy()
        if self.strict or old is None:
            raise StateError(f"{self.owner}: the saved state has no {name!r} of parameter {parameter!r}")
        return old


def _is_flat(leaf: Leaf, block: ParamBlock) -> bool:
    return isinstance(leaf, np.ndarray) and leaf.shape == block.w.shape and leaf.dtype == block.w.dtype


def _element_of(name: str, state: Mapping[str, Leaf], block: ParamBlock) -> tuple[str, Segment | None]:
    """Tell where a leaf is one element of a tuple with one for each parameter.

    Returns the tuple's name, and which parameter.
    """
    stem, _, index = name.rpartition(".")
    if not index.isdigit():
        return name, None
    elements = [n for n in state if n.rpartition(".")[0] == stem and n.rpartition(".")[2].isdigit()]
    return (stem, block.layout[int(index)]) if len(elements) == len(block.layout) else (name, None)


def quote_names(names: Sequence[str]) -> str:
    """Write names in quotes, the first four of them, and how many more there are."""
    shown = ", ".join(map(repr, names[:_SHOWN]))
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
