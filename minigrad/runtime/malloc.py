"""Memory that one training step frees and the next one asks for again.

It should stay with the process.
"""

from __future__ import annotations

import numpy as np

_LARGEST = (32 << 20) - (64 << 10)
"""Bytes.

The C library ignores blocks above 32 MiB, its own overhead included (DEFAULT_MMAP_THRESHOLD_MAX).
"""


def raise_mmap_threshold() -> None:
    """Let freed arrays of up to 32 MiB be used again.

    Instead of going back to the operating system.

    By default glibc maps each block above 128 KiB afresh and unmaps it when it is freed, so that every result pays for
    fresh pages: four fifths of the time of an elementwise step on 10^5 numbers. The limit grows to the largest mapped
    block that has been freed (mallopt(3), M_MMAP_THRESHOLD), and with it the memory that is kept at the top of the
    heap, to at most 64 MiB. So one block of that size is asked for and freed; no page of it is ever touched.
    A limit that the user has set (MALLOC_MMAP_THRESHOLD_) stands, and other C libraries take no notice.
    """
    np.empty(_LARGEST, np.uint8)
