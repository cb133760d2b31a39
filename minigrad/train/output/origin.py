"""Whose script a run would execute: one that was begun here, or one from elsewhere.

A checkpoint names the script of its run, and the folder holds a copy: a folder from elsewhere is code from elsewhere.
Runs carry seals over both that only the same user of the same machine can make, short of reading files of that machine.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from pathlib import Path

from minigrad.text import clip_middle
from minigrad.train.errors import TrainError

__all__ = ["Untrusted", "owner_of", "refuse_foreign", "seal"]

_MACHINE_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")


class Untrusted(TrainError):
    """A run would execute code that was not run here before; says which, and whose."""


def seal(text: str) -> str:
    """Compute the seal over the path or digest of a script, in hexadecimal digits."""
    return hmac.new(_key(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def refuse_foreign(folder: Path, script: str, sealed: object, *, text: str = "", trusted: bool) -> None:
    """Refuse to execute the script of a run that the user did not begin on this machine.

    Args:
        folder: of the run.
        script: path of the script that would be executed.
        sealed: what the run holds as its seal.
        text: what the seal is over; the path if empty.
        trusted: whether the user has said that it may.

    Raises:
        Untrusted: it is from elsewhere, and `trusted` is False.
    """
    own = seal(text or script).encode()
    if trusted or (isinstance(sealed, str) and hmac.compare_digest(sealed.encode("utf-8", "surrogatepass"), own)):
        return
    raise Untrusted(
        f"{clip_middle(folder, 70)}: was not begun here by you, and would execute {clip_middle(script, 90)} "
        f"({owner_of(Path(script))}). Read that file; if you trust it, add --trust"
    )


def owner_of(script: Path) -> str:
    """Say who owns a file: `of alice`, or that it is missing."""
    try:
        return f"of {clip_middle(script.owner(), 40)}"
    except (KeyError, NotImplementedError, AttributeError):  # a number without a name, or a system without owners
        return "of an unknown owner"
    except (OSError, ValueError):
        return "missing or unreadable"


def _key() -> bytes:
    """What tells this machine and user from others."""
    machine = str(uuid.getnode())
    for name in _MACHINE_FILES:
        try:
            machine = Path(name).read_text(encoding="ascii").strip() or machine
            break
        except (OSError, ValueError):
            continue
    user = getattr(os, "getuid", lambda: os.environ.get("USERNAME", ""))()
    return hashlib.sha256(f"minigrad run {machine} {user}".encode()).digest()
