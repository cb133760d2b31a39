"""Small wrong changes of source code, one at a time: what a test suite should notice.

The operators are those of mutation testing (DeMillo, Lipton and Sayward, "Hints on test data selection", 1978, and the
tools after it): a comparison that includes or leaves out its bound, another arithmetic operation, a condition turned
round, a number one larger, a result that is None, a statement left out.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType

import attrs

__all__ = ["Mutant", "mutants_of"]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.MatMult: ast.Mult,
}  # fmt: skip

_Change = Callable[[ast.AST], ast.AST | None]
"""Changes a copy of a node in place and returns it, or returns what stands in its place; None leaves it out."""


@attrs.frozen(eq=False)
class Mutant:
    """A module with one change.

    Attributes:
        path: of the module, from the root of the checkout.
        line: where the change is.
        last: last line of the expression or statement that is changed.
        statement: first line of the statement around it.
        number: of the change within the module, in the order of the source.
        change: what was changed, such as `< -> <=`.
        source: the line of the source, without blanks around it.
        on_import: whether the line runs when the module is imported, before any test.
    """

    path: str
    line: int
    last: int
    statement: int
    number: int
    change: str
    source: str
    on_import: bool
    _tree: ast.Module = attrs.field(repr=False)
    _node: ast.AST = attrs.field(repr=False)
    _make: _Change = attrs.field(repr=False)

    @property
    def key(self) -> str:
        """Identifies the mutant as long as its module does not change."""
        return f"{self.path}:{self.line}:{self.number}: {self.change}"

    @property
    def module(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def place(self) -> str:
        """Identifies the mutant also after lines around it have moved."""
        return f"{self.path} | {self.source} | {self.change}"

    def tree(self) -> ast.Module:
        """The changed module."""
        changed = _Replace(self._node, self._make).visit(copy.deepcopy(self._tree))
        assert isinstance(changed, ast.Module)
        return ast.fix_missing_locations(changed)

    def code(self, file: str) -> CodeType:
        """The changed module, compiled."""
        return compile(self.tree(), file, "exec", dont_inherit=True)


def mutants_of(root: Path, path: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its source.

    Not changed: messages of errors and other text, annotations, decorators, assertions (and `strict` of zip), imports,
    what only type checkers see.
    """
    text = (root / path).read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    for position, node in enumerate(ast.walk(tree)):
        node._position = position  # type: ignore[attr-defined]  # how a copy of the tree knows its node again
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in (inside for part in node.body for inside in ast.walk(part)):
                inner._inside = True  # type: ignore[attr-defined]
    sites = sorted(_sites(tree.body), key=lambda site: (site[0].lineno, site[0].col_offset, site[2]))
    return [
        Mutant(path, node.lineno, node.end_lineno or node.lineno, statement.lineno, number, change,
               lines[node.lineno - 1].strip(), not _is_inside(statement), tree, node, make)
        for number, (node, statement, change, make) in enumerate(sites)
    ]  # fmt: skip


_Site = tuple[ast.expr | ast.stmt, ast.stmt, str, _Change]


class _Replace(ast.NodeTransformer):
    """Puts the changed node into the place of the original."""

    def __init__(self, node: ast.AST, make: _Change) -> None:
        self._position, self._make = getattr(node, "_position"), make  # noqa: B009

    def visit(self, node: ast.AST) -> ast.AST:
        # Python has one object for all that add, or load: it bears a position of whatever was parsed last.
        if isinstance(node, ast.expr | ast.stmt) and getattr(node, "_position", None) == self._position:
            return self._make(node) or ast.Pass()
        visited: ast.AST = self.generic_visit(node)
        return visited


def _sites(body: list[ast.stmt]) -> Iterator[_Site]:
    """The places in statements, and in those inside them."""
    for statement in body:
        if _is_left_alone(statement):
            continue
        yield from _of_statement(statement)
        for expression in _expressions(statement):
            yield from _in_expression(expression, statement)
        for inner in ("body", "orelse", "finalbody"):
            yield from _sites(getattr(statement, inner, []))
        for handler in getattr(statement, "handlers", []):
            yield from _sites(handler.body)
        for case in getattr(statement, "cases", []):
            yield from _sites(case.body)


def _is_inside(statement: ast.stmt) -> bool:
    """Whether a statement lies in a function; the defaults of arguments do not."""
    return getattr(statement, "_inside", False)


def _is_left_alone(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Global() | ast.Nonlocal() | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name.startswith("__") or name == "TYPE_CHECKING"
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.FunctionDef(decorator_list=decorators):
            return any(isinstance(d, ast.Name) and d.id == "overload" for d in decorators)
        case ast.ClassDef(bases=bases):
            return any("Protocol" in ast.unparse(base) for base in bases)
        case _:
            return False


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """What a statement computes by itself."""
    match statement:
        case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments):
            yield from arguments.defaults
            yield from (default for default in arguments.kw_defaults if default is not None)
        case ast.Return(value=value) | ast.Expr(value=value) | ast.AugAssign(value=value) | ast.AnnAssign(value=value):
            if value is not None:
                yield value
        case ast.Assign(value=value):
            yield value
        case ast.If(test=test) | ast.While(test=test):
            yield test
        case ast.For(iter=iterated):
            yield iterated
        case ast.With(items=items):
            yield from (item.context_expr for item in items)
        case _:
            return


def _of_statement(statement: ast.stmt) -> Iterator[_Site]:
    match statement:
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield statement, statement, "return None", lambda node: ast.Return(value=ast.Constant(value=None))
        case ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Expr(value=ast.Call()):
            yield statement, statement, "left out", lambda node: None
        case ast.Break():
            yield statement, statement, "break -> continue", lambda node: ast.Continue()
        case ast.Continue():
            yield statement, statement, "continue -> break", lambda node: ast.Break()
        case _:
            pass
    if isinstance(statement, ast.If | ast.While) and not isinstance(statement.test, ast.Compare | ast.Constant):
        yield statement.test, statement, "condition turned round", _negated
    if isinstance(statement, ast.Assign | ast.AnnAssign) and _sets_a_field(statement):
        yield statement, statement, "left out", lambda node: None
    if isinstance(statement, ast.AugAssign) and (other := _OPERATIONS.get(type(statement.op))):
        yield statement, statement, f"{_symbol(statement.op)}= -> {_symbol(other())}=", _operation(other)


def _sets_a_field(statement: ast.Assign | ast.AnnAssign) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return statement.value is not None and all(isinstance(t, ast.Attribute | ast.Subscript) for t in targets)


def _in_expression(expression: ast.expr, statement: ast.stmt) -> Iterator[_Site]:
    pending: list[ast.AST] = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.JoinedStr) or _declares_a_field(node):
            continue
        if isinstance(node, ast.expr):
            for change, make in _of_expression(node):
                yield node, statement, change, make
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            pending.append(node.args[0])  # A | B -> A & B is no union of types, and no test is needed to see it
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "zip":
            pending += node.args  # its `strict` is an assertion
        else:
            pending += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.arg)]


def _of_expression(node: ast.expr) -> Iterator[tuple[str, _Change]]:
    match node:
        case ast.Compare(ops=[op, *_]) if other := _COMPARISONS.get(type(op)):
            yield f"{_symbol(op)} -> {_symbol(other())}", _comparison(other)
        case ast.BinOp(op=operation, left=left) if (changed := _OPERATIONS.get(type(operation))) and not _is_text(left):
            yield f"{_symbol(operation)} -> {_symbol(changed())}", _operation(changed)
        case ast.BoolOp(op=ast.And()):
            yield "and -> or", _connective(ast.Or)
        case ast.BoolOp(op=ast.Or()):
            yield "or -> and", _connective(ast.And)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            if not isinstance(operand, ast.Constant):
                yield f"{_symbol(node.op)} left out", lambda node: getattr(node, "operand")  # noqa: B009
        case ast.IfExp():
            yield "if -> if not", _turned("test")
        case ast.Constant(value=bool() as value):
            yield f"{value} -> {not value}", lambda node, value=value: ast.Constant(value=not value)  # type: ignore[misc]
        case ast.Constant(value=int() | float() as number):
            yield f"{number} -> {number + 1}", lambda node, number=number: ast.Constant(value=number + 1)  # type: ignore[misc]
        case _:
            return


def _declares_a_field(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("attrs.field", "TypeVar")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _comparison(other: type[ast.cmpop]) -> _Change:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Compare)
        return ast.Compare(left=node.left, ops=[other(), *node.ops[1:]], comparators=node.comparators)

    return change


def _operation(other: type[ast.operator]) -> _Change:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.BinOp | ast.AugAssign)
        node.op = other()
        return node

    return change


def _connective(other: type[ast.boolop]) -> _Change:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.BoolOp)
        return ast.BoolOp(op=other(), values=node.values)

    return change


def _negated(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.expr)
    return ast.UnaryOp(op=ast.Not(), operand=node)


def _turned(field: str) -> _Change:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, field, ast.UnaryOp(op=ast.Not(), operand=getattr(node, field)))
        return node

    return change


_SYMBOLS = {
    "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Eq": "==", "NotEq": "!=", "Is": "is", "IsNot": "is not",
    "In": "in", "NotIn": "not in", "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%",
    "Pow": "**", "BitAnd": "&", "BitOr": "|", "LShift": "<<", "RShift": ">>", "MatMult": "@", "Not": "not",
    "USub": "-", "Invert": "~",
}  # fmt: skip


def _symbol(operator: ast.AST) -> str:
    return _SYMBOLS.get(type(operator).__name__, type(operator).__name__)
