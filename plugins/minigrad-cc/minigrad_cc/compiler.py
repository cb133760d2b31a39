"""From C text to a function: the system's compiler, and a cache of what it made.

A compiled library is named `<key>-<checksum>.so`. The key is a hash of the text, the options, and the compiler's own
account of itself and of this machine's instruction set, so that another compiler or another processor never meets it.
The checksum is that of the file: one that is damaged is not loaded but made again. Files are written under another name
and renamed, so that two processes may do the same at once. A directory or file that others could have written to is not
used at all.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import attrs

from minigrad_cc.errors import CompilerError, NoCompiler
from minigrad_cc.writers.emit import ENTRY, SHARE

__all__ = ["Compiler", "Function", "compiler", "default_directory"]

Function = Callable[[int, int], int]
"""`function(address of the arguments, parts)`: 0, or 1 where there was no memory."""

# No -ffast-math: it would change infinities, NaN and the order of sums, and when linking also how the whole process
# treats small numbers. -ffp-contract=off: a multiplication and an addition stay two roundings, as in NumPy.
_OPTIONS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fopenmp-simd", "-std=gnu11", "-w")
_LINKED = ("-shared", "-fPIC", "-pthread", "-lm")
_PATIENCE = 120.0


def default_directory() -> Path:
    """Return the folder where compiled kernels wait.

    `MINIGRAD_CACHE`, or `minigrad/kernels` in the user's cache directory.
    """
    configured = os.environ.get("MINIGRAD_CACHE")
    if configured:
        return Path(configured)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "minigrad" / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minigrad" / "kernels"


@attrs.frozen
class Compiler:
    """A C compiler.

    Attributes:
        path: of the program.
        options: for each kernel.
        identity: hash of what it says of itself and the machine.
    """

    path: str
    options: tuple[str, ...]
    identity: str

    def function(self, text: str, directory: Path | None = None, team: int = 0) -> Function:
        """The kernel of a C text, compiled now or earlier.

        `team`: address of the function that shares work among threads (see `team.h`), or 0.

        Raises:
            CompilerError: the text does not compile; quotes the compiler.
        """
        return _loaded(self.library(text, directory or default_directory()), team)

    def library(self, text: str, directory: Path) -> Path:
        """The shared library of a C text.

        Raises:
            CompilerError: the text does not compile.
        """
        key = sha256("\0".join((self.identity, *self.options, text)).encode()).hexdigest()[:40]
        place = _private(directory)
        cached = None if place is None else _found(place, key)
        if cached is not None:
            return cached
        with tempfile.TemporaryDirectory(prefix="minigrad-cc-") as scratch:
            compiled = self._compiled(text, Path(scratch))
            return _kept(compiled, place if place is not None else _for_this_process(), key)

    def _compiled(self, text: str, scratch: Path) -> Path:
        source, made = scratch / "kernel.c", scratch / "kernel.so"
        source.write_text(text)
        command = [self.path, *self.options, str(source), "-o", str(made), *_LINKED]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CompilerError(f"{self.path} did not compile a kernel: {error}") from error
        if done.returncode or not made.exists():
            raise CompilerError(f"{self.path} refused a kernel (exit {done.returncode}): {done.stderr.strip()[:2000]}")
        return made


@cache
def compiler() -> Compiler:
    """The C compiler of this machine: `MINIGRAD_CC`, `CC`, or the first of cc, gcc and clang.

    Raises:
        NoCompiler: there is none.
    """
    configured = os.environ.get("MINIGRAD_CC") or os.environ.get("CC")
    names: Sequence[str] = (configured,) if configured else ("cc", "gcc", "clang")
    if sys.platform == "win32":
        raise NoCompiler("kernels in C are made on Linux and macOS only")
    for name in names:
        path = shutil.which(name)
        if path is None:
            continue
        for options in ((*_OPTIONS, "-march=native"), _OPTIONS):
            said = _account(path, options)
            if said is not None:
                return Compiler(path, options, sha256(said).hexdigest())
    raise NoCompiler(f"no C compiler: looked for {', '.join(names)}. Install one, or name it in MINIGRAD_CC")


def _account(path: str, options: tuple[str, ...]) -> bytes | None:
    """Ask the compiler for its version.

    And, with -march=native spelt out, for this processor.
    """
    command = [path, *options, "-E", "-v", "-x", "c", "-"]
    try:
        done = subprocess.run(command, input=b"", capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stderr if done.returncode == 0 else None


# -- the cache ---------------------------------------------------------------------------------------------------------
def _private(directory: Path) -> Path | None:
    """The directory, if it can be made and no other user may write there."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return directory if _ours(directory, stat.S_ISDIR) and os.access(directory, os.W_OK) else None


def _ours(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return kind(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


def _found(place: Path, key: str) -> Path | None:
    for candidate in sorted(place.glob(f"{key}-*.so")):
        if not _ours(candidate, stat.S_ISREG):
            continue
        try:
            content = candidate.read_bytes()
        except OSError:
            continue
        if candidate.name == _name(key, content):
            return candidate
        candidate.unlink(missing_ok=True)
    return None


def _name(key: str, content: bytes) -> str:
    return f"{key}-{sha256(content).hexdigest()[:32]}.so"


def _kept(made: Path, place: Path, key: str) -> Path:
    """Put a library into the cache, whole or not at all.

    Where that fails (a full disk), where only we look.
    """
    content = made.read_bytes()
    name = _name(key, content)
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix="new-", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(file.name, 0o600)
        os.replace(file.name, place / name)
    except OSError:
        return Path(shutil.copy(made, _for_this_process() / name))
    return place / name


@cache
def _for_this_process() -> Path:
    """A directory that goes with the process."""
    path = Path(tempfile.mkdtemp(prefix="minigrad-cc-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def _loaded(path: Path, team: int) -> Function:
    try:
        library = ctypes.CDLL(str(path))
        function = getattr(library, ENTRY)
        if team:
            ctypes.c_void_p.in_dll(library, SHARE).value = team
    except (OSError, AttributeError, ValueError) as error:
        raise CompilerError(f"{path} could not be loaded: {error}") from error
    function.argtypes = (ctypes.c_void_p, ctypes.c_int64)
    function.restype = ctypes.c_int
    loaded: Function = function
    return loaded
