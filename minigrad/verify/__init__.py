"""The gate: an op exists only once its rules have been checked, at the moment it is registered."""

from minigrad.verify.domains import (
    SampleDomain,
    boolean,
    distinct,
    integer_index,
    nonzero,
    positive,
    real,
    spd,
    square_wellconditioned,
    unit,
)
from minigrad.verify.gate import verify
from minigrad.verify.refusal import Finding, Worst, relative_error
from minigrad.verify.register import register, register_builtin, register_sound

__all__ = [
    "Finding",
    "SampleDomain",
    "Worst",
    "boolean",
    "distinct",
    "integer_index",
    "nonzero",
    "positive",
    "real",
    "register",
    "register_builtin",
    "register_sound",
    "relative_error",
    "spd",
    "square_wellconditioned",
    "unit",
    "verify",
]
