"""Small pictures as PNG, for pixels inside an SVG.

Written here, since the format needs no more than zlib.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray

__all__ = ["data_uri", "png"]


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode `(height, width, 4)` red, green, blue and opacity, 0 to 255, as a PNG file.

    The format is W3C PNG, color type 6.

    Raises:
        ValueError: another shape or dtype.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        raise ValueError(f"a picture is (height, width, 4) uint8, got {pixels.shape} {pixels.dtype}")
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 4 * width), dtype=np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, 4 * width)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """The PNG file as an address that holds it whole, for `href`."""
    return f"data:image/png;base64,{b64encode(png(pixels)).decode()}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
