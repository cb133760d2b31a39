"""Many kernels from one run of the compiler: most of what one kernel takes is the compiler's beginning and end."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.resources import files
from queue import Empty, SimpleQueue
from threading import Thread

import attrs

from minigrad_cc import default_directory
from minigrad_cc.compiler import Compiler, Function
from minigrad_cc.library import plan_library
from minigrad_cc.writers.emit import ENTRY, SHARE

__all__ = ["JointCompiler", "joint_functions"]

_QUIET = 0.03
"""Seconds without another kernel, after which those that wait are compiled."""
_MOST = 24
_NAMES = re.compile(rf"\b(part|written|shared|one_share|share_t|TOTALS|MOST|{SHARE}|{ENTRY})\b")


def joint_functions(compiler: Compiler, texts: Sequence[str], team: int = 0) -> list[Function]:
    """The kernels of C texts, compiled as one library.

    Args:
        compiler: the compiler.
        texts: of `emitted`.
        team: address of the function that shares work among threads, or 0.
    """
    library = files("minigrad_cc").joinpath("vmath.h").read_text()
    parts = [_NAMES.sub(rf"\1_{n}", text.removeprefix(library)) for n, text in enumerate(texts)]
    joined = ctypes.CDLL(str(compiler.library("".join([library, *parts]), default_directory())))
    functions = [getattr(joined, f"{ENTRY}_{n}") for n in range(len(texts))]
    for n, function in enumerate(functions):
        function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_int64), ctypes.c_int
        if team:
            ctypes.c_void_p.in_dll(joined, f"{SHARE}_{n}").value = team
    return functions


@attrs.define(eq=False)
class JointCompiler:
    """Compiles kernels that are asked for at about the same time together; each text once."""

    compiler: Compiler
    waiting: SimpleQueue[tuple[str, Future[Function]]] = attrs.field(factory=SimpleQueue)
    known: dict[str, Future[Function]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        Thread(target=self._work, daemon=True).start()

    def function(self, compiler: Compiler, text: str) -> Function:
        """The kernel of a text, in place of `minigrad_cc.engine._function`."""
        future: Future[Function] = Future()
        if self.known.setdefault(text, future) is future:
            self.waiting.put((text, future))
        return self.known[text].result()

    def use(self) -> None:
        """Let the engine compile its kernels here, from now on."""
        from minigrad_cc import engine

        pool = ThreadPoolExecutor(256)
        engine._function = self.function
        engine._compilations = lambda process: pool  # type: ignore[assignment]

    def _work(self) -> None:
        while True:
            batch = [self.waiting.get()]
            try:
                while len(batch) < _MOST:
                    batch.append(self.waiting.get(timeout=_QUIET))
            except Empty:
                pass
            try:
                team = plan_library(self.compiler).address("team")
                functions = joint_functions(self.compiler, [text for text, _ in batch], team)
            except Exception as error:  # whoever waits gets it
                for _, future in batch:
                    future.set_exception(error)
                continue
            for (_, future), function in zip(batch, functions, strict=True):
                future.set_result(function)
