"""Training in several processes at once.

Every process computes the gradient of its part of each batch.

>>> history = mg.fit(model, data, communicator="auto")           # in a script started by mpiexec
>>> group = parallel.distribute(model, opt)                      # or in a loop of one's own

The processes talk through a `Communicator`, which a plugin of the group `minigrad.communicators` provides.
"""

from minigrad import lazy

_PUBLIC = {
    "data_parallel": "TIMEOUT DataParallel distribute shard_bounds",
    "discovery": "GROUP available connect launched",
    "errors": "CommunicatorError Diverged HandshakeError ParallelError",
    "laws": "examine ordered_sum",
    "protocol": "API Communicator SingleProcess",
}
_RENAMED = {"Alone": "SingleProcess", "Ranks": "DataParallel", "join": "distribute", "portion": "shard_bounds"}

__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC, renamed=_RENAMED)
