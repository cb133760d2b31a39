"""SciPy's minimizers and solvers over containers, with derivatives from the rules.

SciPy is an extra: `pip install scipy`.
"""

from minigrad.optimize.equations import least_squares, root
from minigrad.optimize.errors import MissingSciPy, ProblemError
from minigrad.optimize.minimize import minimize

__all__ = ["MissingSciPy", "ProblemError", "least_squares", "minimize", "root"]
