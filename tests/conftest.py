"""One BLAS thread for the tests: small matrices gain nothing from two, and lose much on a busy machine."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
