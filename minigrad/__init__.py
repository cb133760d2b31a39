"""minigrad: a small reverse-mode autograd framework in which no unverified gradient runs.

The public names are listed in `minigrad.api` and loaded on first use; the first of them verifies the op library. So
`minigrad --help` answers without NumPy, and a program pays only for the families of ops it uses.
"""

from minigrad import lazy
from minigrad.api import PUBLIC as _PUBLIC
from minigrad.api import RENAMED as _RENAMED
from minigrad.api import find_op as _find_op

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy.names(
    __name__,
    _PUBLIC,
    renamed=_RENAMED,
    requires="minigrad.ops",
    wrapper="minigrad.ops.public_functions:accept_lists",
    otherwise=_find_op,
)
