"""Before the first step, all processes show how they were set up.

They go on only if that is alike.
"""

from __future__ import annotations

import json
import platform
import re
import zlib
from collections.abc import Mapping

import numpy as np

import minigrad
from minigrad.core.types import Array
from minigrad.optim import StatefulOptimizer
from minigrad.parallel.errors import HandshakeError
from minigrad.parallel.protocol import Communicator
from minigrad.plugins import entry_points

__all__ = ["agree", "checksum", "config_fingerprint"]

_GROUPS = ("minigrad.optimizers", "minigrad.ops", "minigrad.engines", "minigrad.communicators")
_SHOWN = 6


def config_fingerprint(driver: StatefulOptimizer, about: Mapping[str, object]) -> dict[str, str]:
    """Write down all that must be alike in every process, as name -> text.

    Libraries, plugins, parameters, the optimizer and its state, `about`.
    """
    facts = {
        "minigrad": minigrad.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        **{f"plugin {e.distribution}": e.version for group in _GROUPS for e in entry_points.available(group).values()},
        "optimizer": driver.name,
    }
    for i, hyper in enumerate(driver.hyperparameters):
        facts |= {f"hyperparameter {name} of group {i}": _text(value) for name, value in hyper.items()}
    for cell in driver.buckets:
        for p in cell.parameters:
            facts[f"parameter {p.name}"] = f"{p.tensor.shape} {p.tensor.dtype} in group {cell.group}"
    state = driver.state_dict()
    facts["state of the optimizer"] = checksum([v for v in state.values() if isinstance(v, np.ndarray)])
    facts["step of the optimizer"] = str(driver.t)
    return facts | {name: _text(value) for name, value in about.items()}


def agree(communicator: Communicator, mine: Mapping[str, str]) -> None:
    """Compare the facts of all processes.

    The order of the parameters counts: it is that of the flat buffers.

    Raises:
        HandshakeError: facts differ; raised in all processes, and says what differs where.
    """
    texts = communicator.gather(json.dumps(dict(mine)).encode())
    if len(set(texts)) == 1:
        return
    first, *others = [json.loads(text) for text in texts]
    lines: dict[str, list[int]] = {}
    for rank, theirs in enumerate(others, 1):
        for line in _differences(first, theirs):
            lines.setdefault(line, []).append(rank)
    told = [f"{_ranks(ranks)}: {line}" for line, ranks in lines.items()]
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    raise HandshakeError(
        f"the processes are not set up alike. Compared with rank 0, {'; '.join(told[:_SHOWN])}{more}. "
        "Start all with the same command, files and installed packages"
    )


def checksum(arrays: list[Array]) -> str:
    """CRC-32 of the bits of all arrays."""
    total = 0
    for a in arrays:
        if a.size:
            total = zlib.crc32(np.ascontiguousarray(a).reshape(-1).view(np.uint8).data, total)
    return f"{total:08x}"


def _differences(first: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    differences = [f"{name} is {theirs[name]} instead of {value}" for name, value in first.items()
             if name in theirs and theirs[name] != value]  # fmt: skip
    differences += [f"{name} is missing" for name in first if name not in theirs]
    differences += [f"{name} ({value}) is not in rank 0" for name, value in theirs.items() if name not in first]
    return differences or ["the parameters come in another order"]


def _ranks(ranks: list[int]) -> str:
    return f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))}"


def _text(value: object) -> str:
    """Write a value as text, without addresses in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", value if isinstance(value, str) else json.dumps(value, default=repr))
