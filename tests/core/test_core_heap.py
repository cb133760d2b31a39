"""Arrays that are freed and made again come from memory that the process has kept."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource
import numpy as np
{prelude}

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    a, b = np.ones(250_000, np.float32), np.ones(250_000, np.float32)
    del a, b

for _ in range(3):
    work()
before = faults()
for _ in range(20):
    work()
print(faults() - before)
"""


def _faults(prelude: str) -> int:
    """Page faults of 40 arrays of 1 MB, which are 244 pages each."""
    script = _FAULTS.format(prelude=prelude)
    plain = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    ran = subprocess.run([sys.executable, "-c", script], env=plain, capture_output=True, text=True, check=True)
    return int(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_freed_arrays_are_used_again_without_page_faults() -> None:
    if _faults("") <= 2000:
        pytest.skip("this Python and NumPy hand freed memory on as it is: there is nothing to tell apart")
    assert _faults("import minigrad.ops") < 200
