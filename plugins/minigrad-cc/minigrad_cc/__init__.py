"""An engine for minigrad's programs that compiles their elementwise parts to C.

See the plugin's README.
"""

from minigrad_cc.compiler import default_directory
from minigrad_cc.engine import Engine
from minigrad_cc.errors import CompilerError, KernelWarning, NoCompiler

__all__ = ["CompilerError", "Engine", "KernelWarning", "NoCompiler", "default_directory"]
