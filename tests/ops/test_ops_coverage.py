"""The library's size: the operators of MyGrad and autograd, all verified, and public names that load and are typed."""

from __future__ import annotations

import subprocess
import sys

from minigrad import api
from minigrad.core.registry import REGISTRY
from support.missing_plugins import needs
from tools.coverage_table import README, UNION, filled, rows, table

SPECIAL = "special."


def test_mygrad_and_autograd_are_covered() -> None:
    found = rows(UNION)
    due = [r for r in found if {"mygrad", "autograd"} & set(r.libraries)]
    assert len(due) == 210
    missing = [r.name for r in due if not r.covered and not r.name.startswith(SPECIAL)]
    assert missing == []
    assert table(found).startswith("| library |")


@needs("minigrad-special")  # whose functions are counted too
def test_the_tables_of_the_readme_are_up_to_date() -> None:
    text = README.read_text()
    assert filled(text, rows(UNION)) == text, "run PYTHONPATH=. python tests/tools/coverage_table.py"


def test_every_op_of_the_library_has_a_certificate() -> None:
    api.register_all()
    assert len(REGISTRY) > 120
    for op in REGISTRY:
        assert op.certificate.subject is op


def test_families_register_on_first_use_only() -> None:
    code = (
        "import minigrad as mg, numpy as np, sys\n"
        "mg.tensor(1.0)\n"
        "late = ['linalg', 'fft', 'ops.convolution', 'ops.pooling', 'ops.scan', 'ops.loss', 'ops.trigonometric']\n"
        "assert not [m for m in late if 'minigrad.' + m in sys.modules]\n"
        "np.linalg.inv(mg.tensor(np.eye(2)))\n"
        "np.arcsin(mg.tensor(0.5))\n"
        "assert 'minigrad.linalg' in sys.modules and 'minigrad.ops.elementwise.trigonometric' in sys.modules\n"
        "assert 'scipy' not in sys.modules and 'minigrad.fft' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
