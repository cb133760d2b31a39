"""minigrad: a small reverse-mode autograd framework in which no unverified gradient runs."""

from minigrad import ops
from minigrad.core import (
    Op,
    Sample,
    Tensor,
    no_grad,
    op,
    tensor,
)
from minigrad.verify import (
    boolean,
    distinct,
    integer_index,
    nonzero,
    positive,
    real,
    register,
    spd,
    square_wellconditioned,
    unit,
)
