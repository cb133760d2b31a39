"""Replacing a file in one go: a crash leaves the old one or the new one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Bytes", "replace"]

Bytes = bytes | memoryview


def replace(path: Path, parts: Iterable[Bytes], *, durable: bool = True) -> int:
    """Write `parts` one after another to `path`, and return how many bytes that were.

    They go to a file beside it, `.<name>.part`, which then takes the name. With `durable` the content is on the disk
    before the name points to it, and the name before this function returns: a power cut loses nothing either.

    Raises:
        OSError: the file cannot be written; what was at `path` is unchanged and nothing is left behind.
    """
    beside = path.with_name(f".{path.name}.part")
    size = 0
    try:
        with open(beside, "wb") as file:
            for part in parts:
                size += file.write(part)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    if durable:
        _sync_folder(path.parent)
    return size


def _sync_folder(folder: Path) -> None:
    """Bring the folder's list of names to the disk, where the system can open folders.

    Windows cannot.
    """
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
