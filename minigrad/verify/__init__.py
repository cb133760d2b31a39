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
from minigrad.verify.gate import register, register_builtin, verify
from minigrad.verify.report import Finding, Worst, relative_error

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
    "relative_error",
    "spd",
    "square_wellconditioned",
    "unit",
    "verify",
]
