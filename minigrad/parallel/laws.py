"""What every communicator must keep.

It is tried in a few small messages before anything relies on it.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.types import Array
from minigrad.parallel.errors import CommunicatorError
from minigrad.parallel.protocol import Communicator

__all__ = ["examine", "ordered_sum"]


def ordered_sum(parts: list[Array]) -> Array:
    """((p0 + p1) + p2) + ...: what `Communicator.allreduce` must give, to the last bit."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def examine(communicator: Communicator, *, sizes: tuple[int, ...] = (0, 1, 7, 1000), seed: int = 0) -> None:
    """Try the laws, in all processes at once.

    Sums are of numbers of very different sizes, so that another order of addition shows in the last bits.

    Raises:
        CommunicatorError: a law is broken; names it.
    """
    rank, size = communicator.rank, communicator.size
    if not 0 <= rank < size:
        raise CommunicatorError(f"law rank: rank {rank} of {size} processes")
    messages = communicator.gather(_message(rank))
    if messages != [_message(r) for r in range(size)]:
        raise CommunicatorError(f"law gather: rank {rank} received {messages!r:.200} from {size} processes")
    for dtype in (np.float32, np.float64):
        for n in sizes:
            parts = [_numbers(seed, r, n, dtype) for r in range(size)]
            buffer = parts[rank].copy()
            communicator.allreduce(buffer)
            if buffer.tobytes() != ordered_sum(parts).tobytes():
                raise CommunicatorError(f"law allreduce: rank {rank}, {n} numbers: not the sum in order of rank")
            for root in {0, size - 1}:
                buffer = parts[rank].copy()
                communicator.broadcast(buffer, root)
                if buffer.tobytes() != parts[root].tobytes():
                    raise CommunicatorError(f"law broadcast: rank {rank} did not receive the numbers of rank {root}")
    communicator.barrier()


def _message(rank: int) -> bytes:
    return bytes(range(rank % 5)) * (rank + 1)


def _numbers(seed: int, rank: int, n: int, dtype: type[np.floating]) -> Array:
    rng = np.random.default_rng([seed, rank, n])
    numbers: Array = (rng.standard_normal(n) * 10.0 ** rng.integers(-6, 7, n)).astype(dtype)
    return numbers
