"""Checkpoints: all that a run needs to go on, in one file that is whole or refused.

That is the model, the optimizer, random generators and whatever else the caller adds.

>>> from minigrad import checkpoint
>>> checkpoint.save("run.safetensors", model, optimizer, about={"epoch": 3})
>>> checkpoint.load("run.safetensors").restore(model, optimizer)

The file is an ordinary safetensors file: any reader of that format can look at the tensors. Beyond the format, its
metadata hold a version, the versions of the libraries, and checksums that cover every byte. Nothing is ever unpickled.
"""

from minigrad.checkpoint.contents import Json
from minigrad.checkpoint.errors import CheckpointError
from minigrad.checkpoint.snapshot import Checkpoint, load, save

__all__ = ["Checkpoint", "CheckpointError", "Json", "load", "save"]
