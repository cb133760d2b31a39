"""Checkpoints: model, optimizer, generators and whatever else a run needs, in one file that is whole or refused.

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
