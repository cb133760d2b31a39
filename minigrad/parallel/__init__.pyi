"""The public names of minigrad.parallel, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.parallel.data_parallel import (
    DataParallel as DataParallel, TIMEOUT as TIMEOUT, distribute as distribute, shard_bounds as shard_bounds,
)
from minigrad.parallel.discovery import GROUP as GROUP, available as available, connect as connect, launched as launched
from minigrad.parallel.errors import (
    CommunicatorError as CommunicatorError, Diverged as Diverged, HandshakeError as HandshakeError,
    ParallelError as ParallelError,
)
from minigrad.parallel.laws import examine as examine, ordered_sum as ordered_sum
from minigrad.parallel.protocol import API as API, Communicator as Communicator, SingleProcess as SingleProcess

Alone = SingleProcess
Ranks = DataParallel
join = distribute
portion = shard_bounds
__all__: list[str]
