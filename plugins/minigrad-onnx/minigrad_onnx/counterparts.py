"""Which ops have no counterpart in ONNX, by the registry.

`python -m minigrad_onnx.counterparts` prints the list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from minigrad import api
from minigrad.core import REGISTRY, Op
from minigrad_onnx.export import WRITERS

__all__ = ["markdown_list", "ops_without_counterpart"]


def ops_without_counterpart() -> Mapping[str, tuple[str, ...]]:
    """Room of minigrad that an op is of -> the ops that `export_onnx` refuses, sorted.

    Ops of plugins, which it refuses too, are not among them.
    """
    rooms: dict[str, list[str]] = defaultdict(list)
    for op in _own_ops():
        if op.name not in WRITERS:
            rooms[_room(op.module)].append(op.name)
    return {room: tuple(sorted(names)) for room, names in sorted(rooms.items())}


def markdown_list() -> str:
    """The list as it stands in the README, with how many have a counterpart before it."""
    rooms = ops_without_counterpart()
    count, missing = len(_own_ops()), sum(map(len, rooms.values()))
    lines = [f"Of the {count} ops of minigrad {count - missing} have a counterpart, and these {missing} have none:", ""]
    lines += [f"- {room}: {', '.join(f'`{name}`' for name in names)}" for room, names in rooms.items()]
    return "\n".join(lines)


def _own_ops() -> list[Op]:
    api.register_all()
    return [op for op in REGISTRY if op.module == "numpy" or op.module.startswith("minigrad.")]


def _room(module: str) -> str:
    """`linalg` of `minigrad.linalg.solve`, and `network` of `minigrad.ops.network.loss`."""
    parts = module.removeprefix("minigrad.").removeprefix("ops.").split(".")
    return parts[0].replace("_", " ")


if __name__ == "__main__":
    print(markdown_list())
