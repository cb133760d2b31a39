"""Running tests on many mutants: in forks of a process that has imported all and collected every test.

In a fork the functions of the mutant take its code, and the tests that reach it are run, so that a mutant that the
first test notices costs a tenth of a second. What runs on import, and functions that nobody can find, are for
`support.mutation_runs`, and so are the survivors: a value may have been computed before the code was changed.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import attrs
import hypothesis
import pytest

from support.mutation_map import OPTIONS, TestMap
from support.mutation_runs import Outcome, in_fork
from support.mutation_sources import Mutant

__all__ = ["try_all"]

_Place = tuple[str, str, int]
"""File, qualified name and first line of a function."""


def try_all(
    root: Path, folders: Sequence[str], work: Sequence[tuple[Mutant, Sequence[str]]], known: TestMap
) -> Iterator[Outcome | None]:
    """Try mutants in the order given; None stands for one that needs a fresh process.

    Args:
        root: of the checkout.
        folders: of tests.
        work: mutants, each with the ids of its tests, the cheapest first.
        known: what the tests cost.
    """
    reading, writing = os.pipe()
    server = os.fork()
    if server == 0:
        os.close(reading)
        _serve(root, folders, work, known, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        for line in pipe:
            row = json.loads(line)
            yield None if row is None else Outcome(**row)
    _, status = os.waitpid(server, 0)
    if status:
        raise SystemExit("the process that tries mutants has died; its message stands above")


def _serve(
    root: Path, folders: Sequence[str], work: Sequence[tuple[Mutant, Sequence[str]]], known: TestMap, pipe: int
) -> None:
    """Collect the tests and work through the mutants, then leave the process."""
    code = 1
    try:
        for stream in (0, 1):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        code = int(pytest.main([*folders, *OPTIONS], plugins=[_Forks(root, work, known, pipe)]))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class _Forks:
    """A plugin of pytest that, in the place of the tests, tries mutants on them."""

    def __init__(self, root: Path, work: Sequence[tuple[Mutant, Sequence[str]]], known: TestMap, pipe: int) -> None:
        self._root, self._work, self._known, self._pipe = root, work, known, pipe
        self._failed = ""
        self._right: dict[str, bool] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """A failed test is enough: its smallest example, and those of other mutants, are not looked for."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", phases=phases, database=None)
        hypothesis.settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._failed:
            self._failed = report.nodeid

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        print("".join(traceback.format_exception(excinfo.value)), file=sys.stderr)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for module in sorted({mutant.module for mutant, _ in self._work}):
            import_module(module)
        functions = _functions(str(self._root))
        gc.freeze()
        for mutant, tests in self._work:
            outcome = self._try(mutant, [items[test] for test in tests if test in items], functions)
            row = None if outcome is None else attrs.asdict(outcome)
            try:
                os.write(self._pipe, (json.dumps(row) + "\n").encode())
            except BrokenPipeError:  # enough for today
                break
        return True

    def _try(
        self, mutant: Mutant, items: Sequence[pytest.Item], functions: Mapping[_Place, list[FunctionType]]
    ) -> Outcome | None:
        change = _constant(self._root, mutant) if mutant.on_import else _changes(self._root, mutant, functions)
        if change is None or not items:
            return None
        cost = self._known.cost(item.nodeid for item in items)
        outcome = in_fork(lambda pipe: self._run(change, items, pipe), len(items), cost)
        by = {item.nodeid: item for item in items}.get(outcome.by)
        return None if by is not None and not self._is_right(by) else outcome

    def _is_right(self, item: pytest.Item) -> bool:
        """Whether a test passes here, alone and in a fork, when nothing is changed."""
        if item.nodeid not in self._right:
            outcome = in_fork(lambda pipe: self._run(lambda: None, [item], pipe), 1, self._known.seconds[item.nodeid])
            self._right[item.nodeid] = outcome.state == "survived"
        return self._right[item.nodeid]

    def _run(self, change: Callable[[], None], items: Sequence[pytest.Item], pipe: int) -> int:
        change()
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                os.write(pipe, self._failed.encode()[:500])
                return 1
        return 0


def _functions(root: str) -> Mapping[_Place, list[FunctionType]]:
    """Every function of the checkout that is there, by its place."""
    functions: dict[_Place, list[FunctionType]] = defaultdict(list)
    for something in gc.get_objects():
        if isinstance(something, FunctionType) and something.__code__.co_filename.startswith(root):
            code = something.__code__
            functions[code.co_filename, code.co_qualname, code.co_firstlineno].append(something)
    return functions


def _changes(root: Path, mutant: Mutant, functions: Mapping[_Place, list[FunctionType]]) -> Callable[[], None] | None:
    """What gives functions that there are their code in the mutant; None where one cannot take it."""
    file = str(root / mutant.path)
    changes = []
    for code in _codes(mutant.code(file)):
        for function in functions.get((file, code.co_qualname, code.co_firstlineno), ()):
            if function.__code__ == code:
                continue
            if function.__code__.co_freevars != code.co_freevars or "<lambda>" in code.co_qualname:
                return None
            changes.append((function, code))

    def change() -> None:
        for function, code in changes:
            function.__code__ = code

    return change if changes else None


def _constant(root: Path, mutant: Mutant) -> Callable[[], None] | None:
    """What gives a name of the module its value in the mutant, where nothing else was made of the name on import."""
    module = sys.modules[mutant.module]
    for node in mutant.tree().body:
        match node:
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name), value=ast.expr()):
                if node.lineno == mutant.statement and not _is_passed_on(name, module, mutant.tree()):
                    code = compile(ast.Module([node], []), str(root / mutant.path), "exec", dont_inherit=True)
                    return partial(exec, code, vars(module))
            case _:
                pass
    return None


def _is_passed_on(name: str, module: ModuleType, tree: ast.Module) -> bool:
    """Whether a value was used on import by its own module, outside of functions, or lies in another one too."""
    value = vars(module).get(name)
    others = (other for other in sys.modules.values() if other is not module and isinstance(other, ModuleType))
    if any(vars(other).get(name) is value for other in others):
        return True
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += [*node.decorator_list, node.args]
        elif not isinstance(node, ast.Lambda):
            pending += ast.iter_child_nodes(node)
    return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
