"""Files whose header lies under a right seal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypeAlias

import numpy as np

from minigrad.checkpoint import contents
from minigrad.checkpoint.contents import Contents, write

__all__ = ["Header", "reseal", "sealed", "small"]

Header: TypeAlias = dict[str, dict[str, object]]


def sealed(header: dict[str, object], tail: bytes) -> bytes:
    """A file whose header is as given and whose checksum over it is right: what only malice would write."""
    meta = header.get("__metadata__")
    if isinstance(meta, dict):
        header = {"__metadata__": {"sha256": "0" * 64, **{k: v for k, v in meta.items() if k != "sha256"}}, **{
            k: v for k, v in header.items() if k != "__metadata__"}}  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    length = len(text).to_bytes(8, "little")
    digest = hashlib.sha256(length + text).hexdigest().encode()
    return length + text.replace(b"0" * 64, digest, 1) + tail


def reseal(content: bytes) -> bytes:
    """The same bytes with the right checksum over their header, if they are long enough to have one."""
    end = 8 + int.from_bytes(content[:8], "little")
    digest = contents._DIGEST
    if not digest.stop <= end <= len(content):
        return content
    header = content[8:end]
    blank = header[: digest.start] + b"0" * 64 + header[digest.stop :]
    right = hashlib.sha256(content[:8] + blank).hexdigest().encode()
    return content[:8] + header[: digest.start] + right + header[digest.stop :] + content[end:]


def small(path: Path) -> tuple[Header, bytes]:
    write(path, Contents({"w": np.arange(6.0).reshape(2, 3), "b": np.arange(4, dtype=np.float32)}, {"k": 1}))
    raw = path.read_bytes()
    count = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + count]), raw[8 + count :]
