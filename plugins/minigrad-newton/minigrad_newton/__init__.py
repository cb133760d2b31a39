"""Newton's method and its kin for minigrad, as an entry-point plugin.

And `root`, Newton's method for equations.
"""

from minigrad_newton.newton import Newton
from minigrad_newton.quasi import LBFGS
from minigrad_newton.roots import Root, root
from minigrad_newton.squares import LevenbergMarquardt
from minigrad_newton.truncated import NewtonCG

__all__ = ["LBFGS", "LevenbergMarquardt", "Newton", "NewtonCG", "Root", "root"]
