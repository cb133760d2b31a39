"""Data-parallel training over MPI: `mpiexec -n 4 python -m mpi4py -m minigrad train`."""

from minigrad_mpi.communicator import MPICommunicator

__all__ = ["MPICommunicator"]
