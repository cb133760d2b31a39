"""Write tests/data/derivatives.npz with PyTorch: `PYTHONPATH=.:tests python tests/tools/derivative_reference.py`.

Of the Hessian (500, 500) the file keeps the diagonal and the products with three vectors; of the third derivatives
(46, 46, 46) the products with one vector. The vectors come from `probes`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support.core_nets import FIVE_HUNDRED, THREE_LAYERS, probes
from support.core_torch import hessian, third

TARGET = Path(__file__).parents[1] / "data" / "derivatives.npz"


def main() -> None:
    """Compute and write."""
    h, t = hessian(FIVE_HUNDRED), third(THREE_LAYERS)
    np.savez_compressed(
        TARGET,
        diagonal=np.diag(h),
        products=h @ probes(FIVE_HUNDRED, 3).T,
        third=t @ probes(THREE_LAYERS, 1)[0],
    )


if __name__ == "__main__":
    main()
