"""Replacing a file in one go: a reader meets the old one or a new one, whole.

However many processes and threads do so at a time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterable
from io import BufferedWriter
from pathlib import Path

from minigrad.runtime.interrupts import without_interrupts

try:
    import fcntl
except ImportError:  # Windows: left-over parts are then told by their age
    fcntl = None  # type: ignore[assignment]

__all__ = ["Bytes", "UnsyncedFolder", "replace"]

Bytes = bytes | memoryview

_NAME_CHARACTERS = 40
"""How much of a file's name its parts carry: 255 bytes fit, and a character may take 4."""
_OLD_PART_SECONDS = 86_400.0
"""Age from which a part is left over, where nothing tells whether its writer lives."""


class UnsyncedFolder(OSError):
    """The new file is in place, but a power cut could still bring the one before it back."""


def replace(path: Path, parts: Iterable[Bytes], *, durable: bool = True) -> int:
    """Write `parts` one after another to `path`, and return how many bytes that were.

    They go to a file beside it of its own (`.<name>.<random digits>.part`), which then takes the name. With
    `durable` the content is on the disk before the name points to it, and the name before this function returns: a
    power cut loses nothing either. Parts that a killed writer left behind are removed.

    Raises:
        UnsyncedFolder: the new content is at `path`, but may not be on the disk.
        OSError: the file cannot be written; what was at `path` is unchanged and nothing is left behind.
        ValueError: `path` cannot be the name of a file.
    """
    if not path.name:
        raise ValueError(f"{str(path)!r} is not the name of a file")
    _refuse_no_file(path)
    _remove_left_over_parts(path)
    file: BufferedWriter | None = None
    beside: Path | None = None
    size = 0
    try:
        with without_interrupts():  # a Ctrl-C as the part appears would leave it behind unknown
            file, beside = _create_part(path)
        with file:
            for part in parts:
                size += file.write(part)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            if fcntl is not None:
                os.replace(beside, path)  # while the lock is held, so that nobody takes the part for a left-over
        if fcntl is None:
            os.replace(beside, path)  # Windows renames no open file
    except BaseException:
        if file is not None and beside is not None:
            with contextlib.suppress(OSError):
                file.close()
                beside.unlink()
        raise
    if durable:
        try:
            _sync_folder(path.parent)
        except OSError as error:
            raise UnsyncedFolder(error.errno, error.strerror or str(error)) from error
    return size


def _refuse_no_file(path: Path) -> None:
    """Refuse to put a file in the place of a device or pipe.

    An administrator's rights would allow it.

    Raises:
        OSError: something other than a file is there, or behind the link that is there.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EEXIST, "a folder, device or pipe is there, not a file")


def _part_prefix(path: Path) -> str:
    return f".{path.name[:_NAME_CHARACTERS]}."


def _create_part(path: Path) -> tuple[BufferedWriter, Path]:
    """Open a new file beside `path`, locked as long as it is open.

    Neither a file nor a link that is there is used.
    """
    while True:
        beside = path.with_name(f"{_part_prefix(path)}{secrets.token_hex(8)}.part")
        try:
            file = open(beside, "xb")  # noqa: SIM115 - the caller closes it
        except FileExistsError:
            continue
        if fcntl is None:
            return file, beside
        try:
            with contextlib.suppress(OSError):  # a file system without locks: parts are then told by their age
                fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                return file, beside
        except BaseException:
            file.close()
            beside.unlink(missing_ok=True)
            raise
        file.close()  # between the two calls above somebody took it for a left-over


def _remove_left_over_parts(path: Path) -> None:
    """Remove the parts of `path` whose writers are dead, so that their locks are free."""
    prefix = _part_prefix(path)
    try:
        with os.scandir(path.parent) as entries:
            names = [e.name for e in entries if e.name.startswith(prefix) and e.name.endswith(".part")]
    except OSError:  # no such folder, or none that may be listed: creating the part says so
        return
    for name in names:
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's
            _remove_left_over(path.parent / name)


def _remove_left_over(part: Path) -> None:
    if not stat.S_ISREG(part.lstat().st_mode):
        return
    handle = os.open(part, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if fcntl is None:
            left_over = time.time() - os.fstat(handle).st_mtime > _OLD_PART_SECONDS
        else:
            left_over = _lock_at_once(handle)
        if left_over and fcntl is not None:
            part.unlink()
    finally:
        os.close(handle)
    if left_over and fcntl is None:
        part.unlink()


def _lock_at_once(handle: int) -> bool:
    """Take the lock of an open file; False where it is held."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return time.time() - os.fstat(handle).st_mtime > _OLD_PART_SECONDS
    return True


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
