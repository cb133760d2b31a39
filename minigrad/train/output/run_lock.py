"""One process at a time writes to the folder of a run."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minigrad.text import clip_text
from minigrad.train.errors import TrainError

try:
    import fcntl
except ImportError:  # Windows: a lock file whose process is gone has to be removed by hand
    fcntl = None  # type: ignore[assignment]

__all__ = ["LOCK_FILE", "FolderInUse", "folder_lock"]

LOCK_FILE = ".lock"
_LONGEST = 4096
"""Bytes of a lock file that are looked at."""


class FolderInUse(TrainError):
    """Another process writes to the folder; the message names it."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Be the one process that writes to a folder, as long as the block runs.

    A file `.lock` in it says which process that is. What counts is the lock that the operating system holds on the
    file: one that a killed process left behind is taken over, whatever it says. Neither a symbolic link nor anything
    else but a file is opened.

    Raises:
        FolderInUse: another process, or another thread of this one, has the lock.
        TrainError: the folder is missing, or may not be written to.
    """
    path = folder / LOCK_FILE
    try:
        handle = _taken(path)
    except OSError as error:
        raise TrainError(
            f"{clip_text(folder, 150)}: cannot be locked against a second run ({error.strerror or error})"
        ) from error
    if handle is None:
        raise FolderInUse(
            f"{clip_text(folder, 120)}: is in use by {_owner(path)}: wait for its end, or end it, and try again"
        )
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # while it is locked, so that nobody loses a lock of his own
        os.close(handle)


def _taken(path: Path) -> int | None:
    """Open and lock the file, and say in it whose it is; None where it is locked."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    while True:
        handle = os.open(path, flags if fcntl is not None else flags | os.O_EXCL, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(f"{LOCK_FILE} is no file")
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_still_there(path, handle):
                os.close(handle)
                continue
            os.ftruncate(handle, 0)
            os.pwrite(handle, _self().encode(), 0)
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        return handle


def _is_still_there(path: Path, handle: int) -> bool:
    """Whether the open file still bears the name: its owner may just have removed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _self() -> str:
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    return json.dumps({"process": os.getpid(), "host": socket.gethostname(), "began": began, "command": sys.argv[:8]})


def _owner(path: Path) -> str:
    """Who holds a lock, as its file says."""
    try:
        with open(path, "rb") as file:
            said = json.loads(file.read(_LONGEST))
        process, host, began = (clip_text(said[name], 40) for name in ("process", "host", "began"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"
    return f"process {process} on {host}, since {began}"
