"""Plugins broken on purpose: what each distribution's module holds, and what the refusal must say."""

from __future__ import annotations

from support.optim_dists import GOOD


def _with(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def _body(update: str, init: str = "return NoState()") -> str:
    return GOOD.replace("return w - self.lr * f.grad, state", update.replace("\n", "\n        ")).replace(
        "return NoState()", init
    )


_STATE = "import attrs\nimport numpy as np\n@attrs.frozen\nclass S:\n    v: object\n" + GOOD


def _stateful(update: str) -> str:
    return _STATE.replace("return NoState()", "return S(np.zeros_like(w))").replace(
        "return w - self.lr * f.grad, state", update.replace("\n", "\n        ")
    )


BROKEN: dict[str, tuple[str, str]] = {
    # importing it fails
    "import-error": ("import a_module_that_does_not_exist\n" + GOOD, "ModuleNotFoundError"),
    "syntax-error": ("def broken(:\n" + GOOD, "SyntaxError.*line 1"),
    "indentation": ("if True:\npass\n" + GOOD, "IndentationError.*line 2"),
    "null-byte": ("x = 1\x00\n" + GOOD, "SyntaxError|ValueError"),
    "value-error": ("raise ValueError('not today')\n", "ValueError: not today"),
    "assertion": ("assert 1 == 2, 'arithmetic'\n", "AssertionError: arithmetic"),
    "recursion": ("def f():\n    return f()\nf()\n", "RecursionError"),
    "sys-exit": ("import sys\nsys.exit(3)\n", "sys.exit"),
    "quit": ("raise SystemExit('bye')\n", "sys.exit"),
    "base-exception": ("raise BaseException('deep')\n", "BaseException: deep"),
    "generator-exit": ("raise GeneratorExit\n", "GeneratorExit"),
    "own-base-exception": ("class Odd(BaseException):\n    pass\nraise Odd('own')\n", "Odd: own"),
    "missing-attribute": (GOOD.replace("class Rule", "class Rules"), "no 'Rule'. Did you mean 'Rules'"),
    "no-dependency": ("from minigrad.optim import NoSuchThing\n" + GOOD, "ImportError.*NoSuchThing"),
    "prints-at-import": ("print('hello')\n" + GOOD, "printed 'hello"),
    "writes-to-stderr": ("import sys\nsys.stderr.write('psst')\n" + GOOD, "printed 'psst"),
    "warns-at-import": ("import warnings\nwarnings.warn('beware')\n" + GOOD, "warned 'beware"),
    "seterr-at-import": ("import numpy\nnumpy.seterr(all='ignore')\n" + GOOD, "NumPy's error handling"),
    "seeds-at-import": ("import numpy\nnumpy.random.seed(1)\n" + GOOD, "global random generator"),
    "chdir-at-import": ("import os\nos.chdir('/')\n" + GOOD, "working directory"),
    "environ-at-import": ("import os\nos.environ['X_BROKEN'] = '1'\n" + GOOD, "environment variables"),
    "path-at-import": ("import sys\nsys.path.insert(0, '/nowhere')\n" + GOOD, r"changed sys\.path"),
    # it is no optimizer class
    "a-function": ("def Rule():\n    return None\n", "must be a class, it is a function"),
    "a-number": ("Rule = 3\n", "must be a class, it is an int"),
    "an-instance": (GOOD + "\nRule = Rule()\n", "must be a class, it is a Rule"),
    "none": ("Rule = None\n", "must be a class, it is a NoneType"),
    "not-attrs": (_with("@attrs.frozen\n", "").replace("number(1e-2, ge=0.0)", "1e-2"), "attrs class"),
    "not-frozen": (_with("@attrs.frozen", "@attrs.define"), "must be frozen"),
    "no-api": (_with("    api: ClassVar[tuple[int, int]] = (1, 0)\n", ""), "does not say 'api'"),
    "newer-major": (_with("(1, 0)", "(2, 0)"), "contract 2.0.*speaks 1.0: update minigrad"),
    "newer-minor": (_with("(1, 0)", "(1, 99)"), "contract 1.99.*update minigrad"),
    "older-major": (_with("(1, 0)", "(0, 9)"), "contract 0.9.*update the plugin"),
    "api-a-string": (_with("(1, 0)", "'1.0'"), "api is a str"),
    "api-of-floats": (_with("(1, 0)", "(1.0, 0.0)"), "two whole numbers"),
    "needs-missing": (_with("    needs: ClassVar[Need] = Need.GRAD\n", ""), "does not say 'needs'"),
    "needs-a-string": (_with("Need.GRAD", "'grad'"), "needs is a str"),
    "laws-a-list": (_with("frozenset()", "[]"), "laws is a list"),
    "unknown-law": (_with("frozenset()", "frozenset({'elementwize'})"), "unknown law.*Did you mean 'elementwise'"),
    "no-update": (_with("def update", "def upgrade"), "no method 'update'"),
    "no-init": (_with("def init", "def start"), "no method 'init'"),
    "update-too-short": (_with("def update(self, w, f, state, t)", "def update(self, w, f, state)"), "expected update"),
    "update-takes-gradient": (_with("w, f, state, t", "w, grad, state, t"), r"expected update\(self, w, f, state, t\)"),
    "update-static": (_with("    def update(self, ", "    @staticmethod\n    def update("), "must be a method"),
    "update-async": (_with("def update", "async def update"), "not async"),
    "update-an-attribute": (GOOD + "    update = 3\n", "must be a method"),
    "init-needs-more": (_with("def init(self, w)", "def init(self, w, layout)"), r"expected init\(self, w\)"),
    "no-default": (_with("lr: float = number(1e-2, ge=0.0)", "lr: float"), "need defaults, lr"),
    # it misbehaves
    "bad-default": (_with("number(1e-2, ge=0.0)", "number(-1.0, ge=0.0)"), "must be a finite number"),
    "init-raises": (_body("return w - self.lr * f.grad, state", "raise KeyError('state')"), "KeyError"),
    "update-raises": (_body("raise RuntimeError('later')"), "RuntimeError: later"),
    "update-exits": (_body("raise SystemExit(1)"), "sys.exit"),
    "returns-none": (_body("return None"), "must return .parameters, state."),
    "returns-list": (_body("return list(w), state"), "returned parameters as list"),
    "wrong-shape": (_body("return w[:0], state"), r"shape \(0,\)"),
    "wrong-dtype": (_body("return w.astype('float16'), state"), "dtype float16"),
    "object-dtype": (_body("return w.astype(object), state"), "dtype object"),
    "nan": (_body("return w * float('nan'), state"), "C13.*nan"),
    "infinite": (_body("return w + float('inf'), state"), "C13.*inf"),
    "mutates-gradient": (_body("g = f.grad\ng *= 0.5\nreturn w - self.lr * g, state"), "C2"),
    "unlocks-gradient": (_body("f.grad.base[...] = 0\nreturn w - self.lr * f.grad, state"), "C2"),
    "mutates-parameters": (_body("w -= self.lr * f.grad\nreturn w, state"), "C2"),
    "hidden-state": ("CALLS = []\n" + _body("CALLS.append(1)\nreturn w - f.grad * self.lr / len(CALLS), state"), "C1"),
    "random": (_body("return w - self.lr * f.grad * np.random.default_rng().random(), state"), "C1"),
    "undeclared-need": (_body("return w - self.lr * f.value() * f.grad, state"), r"Need\.VALUE"),
    "prints": (_body("print('x')\nreturn w - self.lr * f.grad, state"), "C14.*printed"),
    "seterr": (_body("np.seterr(over='ignore')\nreturn w - self.lr * f.grad, state"), "C14.*error handling"),
    "ascends": (_body("return w + self.lr * f.grad, state"), "C9"),
    "moves-at-lr-0": (_body("return w - (self.lr + 1e-9) * f.grad, state"), "C6"),
    "false-claim": (
        _body("return w - self.lr * f.grad / (1 + abs(f.grad).max()), state").replace(
            "frozenset()", "frozenset({'elementwise'})"
        ),
        "D1",
    ),
    "state-of-lists": (_stateful("return w - self.lr * f.grad, S([1.0])"), "S.v is a list"),
    "state-changes-type": (_stateful("return w - self.lr * f.grad, NoState()"), "update a NoState"),
    "state-aliases-gradient": (_stateful("return w - self.lr * f.grad, S(f.grad)"), "C3.*shares memory"),
    "state-in-double": (_stateful("return w - self.lr * f.grad, S(np.asarray(state.v, float) + f.grad)"), "C5"),
}
