"""The names that a step's code mentions: attributes, globals, modules that it imports."""

from __future__ import annotations

import dis
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property, lru_cache, partial, partialmethod
from operator import attrgetter, methodcaller
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType

import attrs

__all__ = [
    "CodeFacts",
    "CodeNames",
    "facts_of",
    "functions_held",
    "functions_in",
    "is_implicit",
    "is_layer",
    "is_library",
    "is_users",
]

_PACKAGE = str(Path(__file__).parents[2])
_LIBRARIES = frozenset(("numpy", "builtins", "attr", "attrs", "abc", "typing", "re", "threading", "_thread"))
_BY_NAME = frozenset(("getattr", "hasattr"))
_BY_ANY_NAME = frozenset(
    {
        *("vars", "__dict__", "dir", "eval", "exec", "__getattribute__", "getattr_static", "getmembers"),
        *("asdict", "astuple", "attrgetter", "methodcaller"),
    }
)
_CALLED_BY = {
    "callable": ("__call__",),
    "str": ("__str__", "__repr__"),
    "repr": ("__repr__",),
    "ascii": ("__repr__",),
    "print": ("__str__", "__repr__"),
    "format": ("__format__", "__str__", "__repr__"),
}
"""Methods that a step comes to by these functions.

By the last also where a string has braces.
"""
_OF_NAMESPACE = frozenset(("globals", "eval", "exec", "vars", "locals"))
_IMPORTING = frozenset(("import_module", "__import__", "modules"))
_UNREAD = frozenset(
    {
        *("__init_subclass__", "__class_getitem__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"),
        *("__del__", "__copy__", "__deepcopy__", "__sizeof__", "__dir__", "__set_name__", "__subclasshook__"),
        *("__repr__", "__str__", "__format__", "__setattr__", "__delattr__"),
    }
)
"""Methods that no step comes to."""
_OF_EVERY_CLASS = frozenset(("__module__", "__doc__", "__dict__", "__weakref__", "__slots__", "__annotations__"))
_OF_EVERY_OBJECT = frozenset((*dir(object), *_OF_EVERY_CLASS)) - {"__doc__"}
_MAKING = frozenset(("__init__", "__new__", "__post_init__", "__attrs_post_init__"))


def is_users(module: object) -> bool:
    """Whether a module is the user's own: its code may read settings and change them.

    Takes what `__module__` gives, which classes made in C need not have.
    """
    top, _, rest = module.partition(".") if isinstance(module, str) else ("builtins", "", "")
    if top == "minigrad":
        return rest.startswith("examples.")
    return top not in _LIBRARIES


def module_of(function: FunctionType) -> str:
    """The module of a function; nameless code that `exec` ran belongs to the user."""
    return "__main__" if function.__module__ in (None, "builtins") else function.__module__


def is_library(module: object) -> bool:
    """Whether a module is Python's own, or of an installed distribution without us.

    Such a distribution does not use minigrad. Its code has no settings that a step could depend on; objects of its
    classes may hold some.
    """
    top = module.partition(".")[0] if isinstance(module, str) else "builtins"
    return top in sys.stdlib_module_names or _is_installed_without_us(top)


@cache
def _is_installed_without_us(top: str) -> bool:
    if top == "__main__":
        return False  # the user's script, or his session; its file may be that of a tool which runs his code
    place = str(getattr(sys.modules.get(top), "__file__", None) or "")
    if "site-packages" not in place and "dist-packages" not in place:
        return False
    parts = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == top]
    return not any(_is_ours(value) for m in parts for value in list(vars(m).values()))


def _is_ours(value: object) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return isinstance(name, str) and name.partition(".")[0] == "minigrad"


def is_layer(item: object) -> bool:
    """Tell whether an object is one of minigrad's layers or losses.

    A user may change their settings.
    """
    return type(item).__module__.startswith("minigrad.nn.")


def is_implicit(name: str) -> bool:
    """Whether code calls a method without naming it.

    `__call__` and `__getitem__`, also `forward`.
    """
    if name in _UNREAD or name in _OF_EVERY_CLASS:
        return False
    return name == "forward" or (name.startswith("__") and name.endswith("__"))


@attrs.frozen
class CodeFacts:
    """What a piece of code mentions, with all code inside it.

    Attributes:
        names: attributes and globals, also those looked up by a string.
        loaded: those that it does not only assign.
        global_names: variables of the module, or built-in ones.
        lookups: attributes that may be missing.
        methods: that it comes to by built-in functions.
        imports: (module, level) of import statements.
        by_any_name: whether it looks attributes up by names that only a run knows.
    """

    names: frozenset[str]
    loaded: frozenset[str]
    global_names: frozenset[str]
    lookups: frozenset[str]
    methods: frozenset[str]
    imports: frozenset[tuple[str, int]]
    by_any_name: bool


@lru_cache(4096)
def facts_of(code: CodeType) -> CodeFacts:
    """Read the names in a piece of code and those inside it."""
    names, stored, loaded, of_module = set[str](), set[str](), set[str](), set[str]()
    lookups, methods, imports, by_any_name = set[str](), set[str](), set[tuple[str, int]](), False
    for part in _parts(code):
        names.update(part.co_names)
        instructions = list(dis.get_instructions(part))
        for k, i in enumerate(instructions):
            if i.opname in ("STORE_ATTR", "DELETE_ATTR"):
                stored.add(i.argval)
            elif i.opname == "IMPORT_NAME":
                level = instructions[k - 2].argval if k >= 2 else 0
                imports.add((i.argval, level if isinstance(level, int) else 0))
            elif i.opname in ("FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC"):
                methods.update(_CALLED_BY["format"])
            elif i.opname == "MATCH_CLASS":  # a pattern names attributes by their places
                by_any_name = True
            elif i.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                methods.update(_CALLED_BY.get(i.argval, ()))
                loaded.add(i.argval)
                of_module.add(i.argval)
                by_any_name = by_any_name or (i.argval in _BY_NAME and not _names_a_constant(instructions[k:]))
            elif i.argval in part.co_names:
                loaded.add(i.argval)
        if not _BY_NAME.isdisjoint(part.co_names):
            lookups |= {c for c in part.co_consts if isinstance(c, str)}
        if "AttributeError" in part.co_names:
            lookups |= set(part.co_names)
        if not _OF_NAMESPACE.isdisjoint(part.co_names):
            of_module |= _identifiers(part)
            loaded |= of_module
        if not _IMPORTING.isdisjoint(part.co_names):
            imports |= {(c, 0) for c in part.co_consts if isinstance(c, str) and c.replace(".", "").isidentifier()}
        by_any_name = by_any_name or not _BY_ANY_NAME.isdisjoint(part.co_names)
    read = frozenset(loaded | lookups)
    return CodeFacts(
        frozenset(names) | read,
        read,
        frozenset(of_module),
        frozenset(lookups),
        frozenset(methods),
        frozenset(imports),
        by_any_name,
    )


def _parts(code: CodeType) -> Iterator[CodeType]:
    """A piece of code and those inside it."""
    stack = [code]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(c for c in top.co_consts if isinstance(c, CodeType))


def _identifiers(code: CodeType) -> set[str]:
    """Names within the strings of a piece of code."""
    strings = [c for c in code.co_consts if isinstance(c, str)]
    strings += [s for c in code.co_consts if isinstance(c, tuple) for s in c if isinstance(s, str)]
    return {name for s in strings if len(s) < 1000 for name in re.findall(r"[^\W\d]\w*", s)}


def _names_a_constant(call: Sequence[dis.Instruction]) -> bool:
    """Whether the second argument of a call is a string in the code.

    `call`: instructions, from that which loads the function.
    """
    depth, second = 0, None
    for k, i in enumerate(call[1:], 1):
        if i.opname in ("PUSH_NULL", "PRECALL", "CACHE", "RESUME"):
            continue
        if i.opname.startswith("CALL") and (i.arg or 0) == depth:
            return second is not None and call[second].opname == "LOAD_CONST" and isinstance(call[second].argval, str)
        if "JUMP" in i.opname or i.opname.startswith("FOR_"):
            return False
        before, depth = depth, depth + dis.stack_effect(i.opcode, i.arg)
        if before == 1 and depth == 2:
            second = k
        elif depth <= 2:
            second = None
    return False


def functions_in(member: object) -> Iterator[FunctionType]:
    """The functions behind a member of a class.

    Of a property, a class method, a partial method.
    """
    stack = [member]
    while stack:
        top = stack.pop()
        if isinstance(top, FunctionType):
            yield top
        elif isinstance(top, property):
            stack += [top.fget, top.fset, top.fdel]
        elif isinstance(top, staticmethod | classmethod):
            stack.append(top.__func__)
        elif isinstance(top, partial | partialmethod | cached_property):
            stack.append(top.func)


def functions_held(function: FunctionType) -> list[object]:
    """The functions that one of minigrad's holds, as `mg.grad(f)` holds f."""
    if module_of(function).partition(".")[0] != "minigrad":
        return []
    return [held for cell in function.__closure__ or () if callable(held := _content(cell))]


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


class CodeNames:
    """The names that a step's code mentions, that of the methods it may come to, and so on.

    Attributes:
        lookups: attributes that are looked up by name, and may be missing.
        methods: that are come to by built-in functions.
        by_any_name: whether attributes are looked up by names that only a run knows.
    """

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()
        self._making: set[CodeType] = set()
        self._classes: set[type] = set()
        self._called: set[type] = set()
        self._strings: set[str] = set()
        self.methods: set[str] = set()
        self.lookups: set[str] = set()
        self.by_any_name = False

    def add_function(self, function: FunctionType) -> None:
        """Enter a function that the step can reach.

        Of one that makes objects only what it reads counts: not the attributes that it sets.
        """
        (self._making if function.__name__ in _MAKING else self._codes).add(function.__code__)

    def add_class(self, cls: type) -> None:
        """Enter a class that the step names, and may make objects of."""
        self._called.update(c for c in cls.__mro__ if is_users(c.__module__))
        for c in self._called:
            for f in (f for name, f in _methods(c) if name in _MAKING):
                self.add_function(f)
        self.add_owner(cls)

    def comes_to(self, cls: type, method: str) -> bool:
        """Whether code may call a method of a class without naming it."""
        return method in self.methods or (is_implicit(method) and (method not in _MAKING or cls in self._called))

    def add_owner(self, owner: object) -> None:
        """Enter a class, or a module, whose methods the step may call."""
        if isinstance(owner, type):
            kind: type = type(owner)
            kinds = owner.__mro__ if is_library(kind.__module__) else (*owner.__mro__, *kind.__mro__)
            self._classes.update(c for c in kinds if is_users(c.__module__) or _is_layer_class(c))

    def add_getter(self, getter: attrgetter[object] | methodcaller) -> None:
        """Enter what an object of `operator` looks up."""
        parts: Iterable[object] = getter.__reduce__()[1]
        self._strings.update(name for part in parts if isinstance(part, str) for name in part.split("."))

    def all(self) -> frozenset[str]:
        """All names, without those that every object has."""
        methods = [(name, f) for cls in self._classes for name, f in _methods(cls)]
        left = self._codes | {f.__code__ for name, f in methods if is_implicit(name) and name not in _MAKING}
        names, seen = {"forward", *self._strings}, set[CodeType]()
        for code in self._making:
            names |= facts_of(code).loaded
        while left:
            seen |= left
            for code in left:
                facts = facts_of(code)
                names |= facts.names
                self.lookups |= facts.lookups
                self.methods |= facts.methods
                if facts.by_any_name and not code.co_filename.startswith(_PACKAGE):
                    self.by_any_name = True
            left = {f.__code__ for name, f in methods if name in names or name in self.methods} - seen
        return frozenset(names - _OF_EVERY_OBJECT)


def _is_layer_class(cls: type) -> bool:
    return cls.__module__.startswith("minigrad.nn.")


def _methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for name, member in vars(cls).items():
        for f in functions_in(member):
            yield name, f
