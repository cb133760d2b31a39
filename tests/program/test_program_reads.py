"""What a step may read without being given it, by kind: a program follows each change, or refuses the step."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.program import TraceError

X = np.array([1.0, -2.0, 3.0])

FOLLOWED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # name: code before, expression of the step (or its def), changes between calls
    "global of a helper": ("G = 1.0\ndef h(x): return x * G", "h(x)", ("G = 3.0",)),
    "global that was not there": (
        "def step(x):\n try: k = NEW\n except NameError: k = 1.0\n return x * k",
        "",
        ("NEW = 4.0", "del NEW"),
    ),
    "built-in function hidden": ("", "x * abs(-2.0)", ("abs = lambda v: v * 9", "del abs")),
    "function of a library": ("act = mg.tanh", "act(x)", ("act = mg.relu",)),
    "module": ("import math as m", "x * m.pi", ("m = types.SimpleNamespace(pi=1.0)",)),
    "code of a helper": ("def h(x): return x", "h(x)", ("h.__code__ = (lambda x: x * 2).__code__",)),
    "defaults": ("def step(x, k=1.0): return x * k", "", ("step.__defaults__ = (4.0,)",)),
    "keyword defaults": (
        "def step(x, *, k=[1.0]): return x * k[0]",
        "",
        ("step.__kwdefaults__['k'][0] = 3.0", "step.__kwdefaults__ = {'k': [6.0]}"),
    ),
    "defaults of a helper": ("def h(x, k=1.0): return x * k", "h(x)", ("h.__defaults__ = (4.0,)",)),
    "attribute of the step": ("def step(x): return x * step.k\nstep.k = 1.0", "", ("step.k = 3.0",)),
    "variable without a value yet": (
        "def make():\n def step(x):\n  try: return x * late\n  except NameError: return x\n"
        " def fill():\n  nonlocal late\n  late = 3.0\n return step, fill\n if 0: late = 1\nstep, fill = make()",
        "",
        ("fill()",),
    ),
    "method": ("class A:\n def f(self, x): return x\na = A()", "a.f(x)", ("A.f = lambda s, x: x * 3", "a.f = abs")),
    "method of a base": (
        "class B:\n def f(self, x): return x\nclass C(B):\n def f(self, x): return super().f(x) + 1\nc = C()",
        "c.f(x)",
        ("B.f = lambda s, x: x * 8", "del C.f"),
    ),
    "class of an object": (
        "class A:\n def f(self, x): return x\nclass B:\n def f(self, x): return x * 2\na = A()",
        "a.f(x)",
        ("a.__class__ = B",),
    ),
    "bases": (
        "class A:\n def f(self, x): return x\nclass B:\n def f(self, x): return x * 2\nclass C(A): pass\nc = C()",
        "c.f(x)",
        ("C.__bases__ = (B,)",),
    ),
    "property": ("class A:\n k = property(lambda s: 1.0)\na = A()", "x * a.k", ("A.k = property(lambda s: 2.0)",)),
    "behind a property": (
        "class A:\n def __init__(s): s._d = {'k': 1.0}\n @property\n def k(s): return s._d['k']\na = A()",
        "x * a.k",
        ("a._d['k'] = 2.0",),
    ),
    "cached property": (
        "class A:\n base = 1.0\n @functools.cached_property\n def k(s): return s.base * 2\na = A()",
        "x * a.k",
        ("a.base = 5.0; vars(a).pop('k', None)",),
    ),
    "attributes of names that no code could write": (
        "class A: pass\na = A()\nfor n in ('a b', 'class', '\u017f', 's'): setattr(a, n, 1.0)",
        "x * getattr(a, 'a b') * getattr(a, 'class') * getattr(a, '\u017f')",
        ("setattr(a, 'a b', 2.0)", "setattr(a, 'class', 3.0)", "setattr(a, '\u017f', 4.0)"),
    ),
    "getter made in the step": (
        "import operator\nclass A: pass\na = A()\na.k = 1.0",
        "x * operator.attrgetter('k')(a)",
        ("a.k = 3.0",),
    ),
    "pattern of a class": (
        "class A:\n __match_args__ = ('k',)\na = A()\na.k = 1.0\n"
        "def step(x):\n match a:\n  case A(1.0): return x * 5\n  case A(k): return x * k",
        "",
        ("a.k = 2.0", "a.k = 1.0"),
    ),
    "whether it can be called": (
        "class A: pass\na = A()",
        "x * 2 if callable(a) else x",
        ("A.__call__ = lambda s: 1", "del A.__call__"),
    ),
    "as a string": ("class A:\n k = '1'\n def __str__(s): return s.k\na = A()", "x * float(str(a))", ("a.k = '3'",)),
    "within a string": (
        "class A:\n k = '1'\n def __format__(s, f): return s.k\na = A()",
        "x * float(f'{a}')",
        ("a.k = '3'",),
    ),
    "printed": ("class A:\n k = '1'\n def __repr__(s): return s.k\na = A()", "x * float(repr(a))", ("a.k = '3'",)),
    "polynomial": ("p = np.polynomial.Polynomial([1.0, 2.0])", "x * p.coef[1]", ("p.coef[1] = 5.0",)),
    "former polynomial": ("p = np.poly1d([1.0, 2.0])", "p(x)", ("p.c[1] = 5.0",)),
    "attribute of sys": (
        "sys.factor = 1.0",
        "x * sys.factor",
        ("sys.factor = 2.0", "sys.factor = 4.0"),
    ),
    "environment in bytes": (
        "os.environ['MINIGRAD_TEST'] = '1'",
        "x * float(os.environb[b'MINIGRAD_TEST'])",
        ("os.environ['MINIGRAD_TEST'] = '3'",),
    ),
    "attribute gone": ("class A:\n k = 1.0\na = A()\na.k = 2.0", "x * a.k", ("del a.k", "a.k = 5.0")),
    "static and class method": (
        "class A:\n k = 1.0\n @staticmethod\n def f(x): return x * A.k\n @classmethod\n def g(c, x): return x + c.k",
        "A.f(x) + A.g(x)",
        ("A.k = 2.0", "A.f = staticmethod(lambda x: x * 9)"),
    ),
    "partial method": (
        "class A:\n K = [1.0]\n def f(s, k, x): return x * k[0]\n g = functools.partialmethod(f, K)\na = A()",
        "a.g(x)",
        ("A.K[0] = 3.0",),
    ),
    "descriptor": (
        "class D:\n v = 1.0\n def __get__(s, o, t=None): return s.v\nclass A: k = D()\na = A()",
        "x * a.k",
        ("D.v = 3.0", "vars(A)['k'].v = 4.0"),
    ),
    "metaclass": ("class M(type): k = 1.0\nclass A(metaclass=M): pass", "x * A.k", ("M.k = 3.0",)),
    "global read by forward": (
        "S = 1.0\nclass N(nn.Module):\n def forward(self, x): return x * S\nn = N()",
        "n(x)",
        ("S = 4.0", "N.forward = lambda s, x: x * 7", "n.forward = abs"),
    ),
    "global read by call and getitem": (
        "S = 1.0\nclass C:\n def __call__(s, x): return x * S\n def __getitem__(s, i): return S * i\nc = C()",
        "c(x) * c[2]",
        ("S = 9.0",),
    ),
    "global read by what is made inside": (
        "S = 1.0\nclass P:\n def __init__(s): s.k = S",
        "x * P().k",
        ("S = 2.5",),
    ),
    "registered with an abstract class": (
        "class A(abc.ABC): pass\nclass B: pass\nclass C: pass\nb, c = B(), C()",
        "x * 2 if isinstance(b, A) else x + len([1 for k in (b, c) if issubclass(type(k), numbers.Number)])",
        ("A.register(B)", "numbers.Number.register(C)"),
    ),
    "singledispatch": (
        "class A(abc.ABC): pass\nclass B: pass\nb = B()\n@functools.singledispatch\ndef k(o): return 1.0",
        "x * k(b)",
        ("k.register(A, lambda o: 5.0)", "A.register(B)", "k.register(B, lambda o: 7.0)"),
    ),
    "forward hook": (
        "n = nn.Linear(3, 3, rng=0)\nk = {'k': 3.0}\nhooks = []",
        "n(x)",
        ("hooks.append(n.register_forward_hook(lambda m, i, o: o * k['k']))", "k['k'] = 5.0", "hooks[0].remove()"),
    ),
    "attribute by a name put together": (
        "class A: k0 = 1.0; k1 = 2.0\na = A()\nn = {'i': 0}",
        "x * getattr(a, f\"k{n['i']}\")",
        ("a.k0 = 5.0", "n['i'] = 1", "a.k1 = 7.0"),
    ),
    "attribute that may be missing": (
        "class A: pass\na = A()",
        "x * 2 if hasattr(a, 'flag') else x",
        ("a.flag = 1", "del a.flag"),
    ),
    "attribute caught when missing": (
        "class A: pass\na = A()\ndef step(x):\n try: return x * a.k\n except AttributeError: return x",
        "",
        ("a.k = 3.0",),
    ),
    "vars": ("class A: pass\na = A()\na.k = 1.0", "x * vars(a)['k']", ("a.k = 5.0",)),
    "__dict__": ("class A: pass\na = A()\na.k = 1.0", "x * a.__dict__['k']", ("a.k = 5.0",)),
    "__getattr__": (
        "class A:\n def __init__(s): s.d = {'k': 1.0}\n def __getattr__(s, n): return s.__dict__['d'][n]\na = A()",
        "x * a.k",
        ("a.d['k'] = 5.0",),
    ),
    "operator.attrgetter": (
        "a = types.SimpleNamespace(k=1.0)\nget = operator.attrgetter('k')",
        "x * get(a)",
        ("a.k = 5.0",),
    ),
    "globals()": ("G = 1.0", "x * globals()['G']", ("G = 3.0",)),
    "eval": ("G = 1.0", "eval('x * G', globals(), {'x': x})", ("G = 3.0",)),
    "import inside": (
        "m = types.ModuleType('settings_inside'); m.k = 1.0; sys.modules['settings_inside'] = m\n"
        "def step(x):\n from settings_inside import k\n return x * k",
        "",
        ("m.k = 3.0",),
    ),
    "sys.modules": (
        "m = types.ModuleType('settings_inside'); m.k = 1.0; sys.modules['settings_inside'] = m",
        "x * sys.modules['settings_inside'].k",
        ("m.k = 3.0",),
    ),
    "partial": (
        "k = [1.0]\np = functools.partial(lambda k, x, s=1.0: x * k[0] * s, k, s=2.0)",
        "p(x)",
        ("k[0] = 3.0", "p.keywords['s'] = 5.0"),
    ),
    "vectorize": ("k = [1.0]\nf = np.vectorize(lambda v: v * k[0])", "x * f(np.arange(3.0))", ("k[0] = 3.0",)),
    "mapping proxy": ("d = {'k': 1.0}\np = types.MappingProxyType(d)", "x * p['k']", ("d['k'] = 3.0",)),
    "view of a dict": ("d = {'k': 1.0}\nv = d.values()", "x * sum(v)", ("d['k'] = 3.0",)),
    "order of a dict": (
        "d = {'a': 1.0, 'b': 2.0}\ndef step(x):\n for k in d.values(): x = (x + k) * k\n return x",
        "",
        ("d['a'] = d.pop('a')",),
    ),
    "attribute of a dict": (
        "class D(dict): pass\nd = D(a=1.0); d.k = 2.0",
        "x * d.k * d['a']",
        ("d.k = 3.0", "d['a'] = 5.0"),
    ),
    "attribute of a float": ("class F(float): pass\nf = F(1.0); f.k = 1.0", "x * f.k", ("f.k = 3.0",)),
    "attribute of an array": (
        "class A(np.ndarray): pass\na = np.ones(3).view(A); a.k = 1.0",
        "x * a.k",
        ("a.k = 3.0",),
    ),
    "tuple that holds a list": (
        "t = (1.0, [2.0])",
        "x * t[1][0]",
        ("t[1][0] = 4.0", "t = (1.0, [4.0])", "t[1][0] = 5.0"),
    ),
    "weak reference": ("class A: k = 1.0\na = A()\nr = weakref.ref(a)", "x * r().k", ("a.k = 3.0",)),
    "weak proxy": ("class A: k = 1.0\na = A()\nr = weakref.proxy(a)", "x * r.k", ("a.k = 3.0",)),
    "context variable": ("v = contextvars.ContextVar('v', default=1.0)", "x * v.get()", ("v.set(3.0)",)),
    "thread's own": ("t = threading.local(); t.k = 1.0", "x * t.k", ("t.k = 3.0",)),
    "environment": (
        "os.environ['MINIGRAD_TEST_K'] = '1'",
        "x * float(os.environ['MINIGRAD_TEST_K'])",
        ("os.environ['MINIGRAD_TEST_K'] = '3'",),
    ),
    "getenv": (
        "os.environ['MINIGRAD_TEST_K'] = '1'\ng = os.getenv",
        "x * float(g('MINIGRAD_TEST_K'))",
        ("os.environ['MINIGRAD_TEST_K'] = '3'",),
    ),
    "bytearray": ("b = bytearray([1, 2])", "x * b[0]", ("b[0] = 5",)),
    "array module": ("a = array.array('d', [1.0])", "x * a[0]", ("a[0] = 5.0",)),
    "ctypes": ("c = ctypes.c_double(1.0)", "x * c.value", ("c.value = 3.0",)),
    "array opened again": (
        "a = np.ones(3); a.flags.writeable = False",
        "x * a",
        ("a.flags.writeable = True; a.fill(3.0); a.flags.writeable = False",),
    ),
    "large array": ("a = np.ones(9000)", "x * a[8999]", ("a[8999] = 3.0",)),
    "memory below a view": ("b = np.ones(3); a = b.view(); a.flags.writeable = False", "x * a", ("b.fill(3.0)",)),
    "shape in place": ("a = np.arange(6.0).reshape(2, 3)", "mg.sum(mg.tensor(a), axis=0) * 2.0", ("a.shape = (3, 2)",)),
    "dtype in place": ("a = np.array([1, 2, 3])", "x * a", ("a.dtype = np.float64",)),
    "array of objects": ("a = np.array([1.0, [2.0]], dtype=object)", "x * a[1][0]", ("a[1][0] = 4.0",)),
    "masked array": ("a = np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 1])", "x * a.filled(0.0)", ("a[2] = 5.0",)),
    "sign of zero in an array": ("a = np.zeros(3)", "np.copysign(1.0, a) * x", ("a.fill(-0.0)",)),
    "complex number": (
        "d = {'k': complex(1, 0.0)}",
        "x * math.copysign(1.0, d['k'].imag)",
        ("d['k'] = complex(1, -0.0)",),
    ),
    "True and 1": ("d = {'k': True}", "x * 2 if d['k'] is True else x", ("d['k'] = 1",)),
    "NumPy number": (
        "d = {'k': np.float64(1.0)}",
        "x * d['k']",
        ("d['k'] = np.float32(0.1)", "d['k'] = np.float16(0.1)"),
    ),
    "key of a dict": ("d = {1: 0}", "x * 2 if type(next(iter([*d]))) is float else x", ("d.clear(); d[1.0] = 0",)),
    "Tensor of a class": (
        "class C: t = mg.tensor([1.0, 1.0, 1.0])",
        "x * C.t",
        ("C.t[0] = 4.0", "C.t = mg.tensor([5.0] * 3)"),
    ),
    "Tensor of a module": ("m = types.ModuleType('m'); m.t = mg.tensor([1.0] * 3)", "x * m.t", ("m.t[0] = 4.0",)),
    "program inside": (
        "k = [1.0]\np = mg.define(lambda x: x * k[0])",
        "p(x) + 1",
        ("k[0] = 3.0", "p = mg.define(lambda x: x * 9)"),
    ),
    "names with underscores": (
        "m = types.ModuleType('m'); m.__version__ = 1.0\n__scale__ = 1.0\nclass A: pass\na = A(); a.__k__ = 1.0",
        "x * m.__version__ * __scale__ * a.__k__",
        ("m.__version__ = 2.0", "__scale__ = 3.0", "a.__k__ = 4.0"),
    ),
    "name of a function": ("def h(x): return x", "x * len(h.__name__)", ("h.__name__ = 'longer'",)),
    "enumeration": ("class E(enum.Enum): A = 1; B = 2\nd = {'e': E.A}", "x * d['e'].value", ("d['e'] = E.B",)),
}

REFUSED: dict[str, tuple[str, str]] = {
    "clock": ("", "x * time.time()"),
    "clock by another name": ("from time import perf_counter as now", "x * now()"),
    "clock in a closure": (
        "def make():\n from time import perf_counter as tick\n return lambda x: x * tick()\nstep = make()",
        "",
    ),
    "date": ("", "x * datetime.datetime.now().microsecond"),
    "random numbers of the system": ("", "x * os.urandom(1)[0]"),
    "random numbers of a class of Python": ("r = random.SystemRandom()", "x * r.random()"),
    "identifier": ("", "x * (uuid.uuid4().int % 1000)"),
    "generator of Python": ("r = random.Random(0)", "x * r.random()"),
    "old generator of NumPy": ("r = np.random.RandomState(0)", "x * r.rand()"),
    "file": ("f = io.StringIO('1\\n2\\n3\\n')", "x * float(f.readline())"),
    "deque": ("d = collections.deque([1.0, 2.0, 3.0])", "x * d.popleft()"),
}
_BEFORE = (
    "import array, collections, contextvars, ctypes, datetime, enum, functools, io, math, operator, os, random, sys\n"
    "import abc, numbers, threading, time, types, uuid, weakref\n"
    "import numpy as np\nimport minigrad as mg\nfrom minigrad import nn\n"
)


@pytest.fixture(autouse=True)
def same_surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    sys.modules.pop("settings_inside", None)
    os.environ.pop("MINIGRAD_TEST_K", None)


def namespace_of(before: str, expression: str) -> dict[str, Any]:
    """A module in which the code has run, and that has a `step`."""
    module = types.ModuleType("reads_of_a_step")
    exec(_BEFORE + before, vars(module))
    if expression:
        exec(f"def step(x): return {expression}", vars(module))
    return vars(module)


def numbers_of(result: Any) -> Any:
    return result.numpy() if isinstance(result, mg.Tensor) else np.asarray(result)


@pytest.mark.parametrize("kind", FOLLOWED)
@pytest.mark.filterwarnings("ignore")
def test_a_change_of_what_a_step_reads_is_seen(kind: str) -> None:
    before, expression, changes = FOLLOWED[kind]
    namespace = namespace_of(before, expression)
    step = namespace["step"]
    program: Any = mg.define(step)
    for change in ("", *changes):
        exec(change, namespace)
        for _ in range(2):
            got, expected = numbers_of(program(X)), numbers_of(step(mg.tensor(X)))
            np.testing.assert_allclose(got, expected, rtol=1e-6, err_msg=f"after {change!r}")
            assert got.dtype == expected.dtype
            assert (np.signbit(got) == np.signbit(expected)).all()


@pytest.mark.parametrize("kind", REFUSED)
def test_what_gives_something_else_each_time_is_refused(kind: str) -> None:
    with pytest.raises(TraceError):
        mg.define(namespace_of(*REFUSED[kind])["step"])(X)


def test_a_refused_clock_names_the_line() -> None:
    import time

    with pytest.raises(TraceError, match=r"test_program_reads\.py:\d+: mg\.define.*time\(\)"):
        mg.define(lambda x: x * time.time())(X)


@pytest.mark.parametrize(
    ("expression", "pairs"),
    [
        ("x * 3 if type(next(iter([*d]))) is float else x", ({1: 2.0}, {1.0: 2.0})),
        ("x * 2 if d[0] is True else x", ([True], [1])),
        ("x * math.copysign(1.0, d[0].imag)", ([complex(1, 0.0)], [complex(1, -0.0)])),
        ("x * sum(d)", ({1.0}, {1.0, 3.0})),
    ],
)
def test_arguments_that_compare_equal_are_told_apart(expression: str, pairs: tuple[Any, Any]) -> None:
    namespace: dict[str, Any] = {}
    exec(f"import math\ndef step(x, d): return {expression}", namespace)
    program: Any = mg.define(namespace["step"])
    for d in (*pairs, *pairs):
        np.testing.assert_array_equal(program(X, d).numpy(), namespace["step"](mg.tensor(X), d).numpy())
