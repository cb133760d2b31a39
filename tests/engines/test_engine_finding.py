"""Finding engines: names, the environment variable, and plugins that do not work."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from minigrad.engines import ElementwiseCall, FusionGroup, Input, Output, UnknownEngine, available, create_engine
from support.optim_dists import ask, install

PLUGIN = dedent(
    """
    from minigrad.engines import CompiledGroup

    class Doubling:
        api = (1, 0)

        def bind(self, group):
            if group.size > 10:
                return None
            out = group.outputs[0].array
            return CompiledGroup((lambda: out.fill(42.0),), 0, "always 42")

    class Raising(Doubling):
        def bind(self, group):
            raise ZeroDivisionError("oh")

    class Wordy(Doubling):
        def bind(self, group):
            return "done"

    class Newer(Doubling):
        api = (1, 7)

    class Old(Doubling):
        api = (0, 9)

    def unmade():
        raise OSError("no compiler")

    number = 7
    """
)

RUN = """
    import numpy as np
    from minigrad.engines import ElementwiseCall, FusionGroup, Input, Output, create_engine
    x, y = np.ones(SIZE), np.zeros(SIZE)
    calls = (ElementwiseCall(np.negative, (0,), (SIZE,), x.dtype),)
    group = FusionGroup((SIZE,), (Input.of(x),), calls, (Output(1, y),), "mine")
    try:
        engine = create_engine(NAME)
        for call in engine.bind(group).calls:
            call()
        answer = [engine.name, y.tolist(), engine.declined]
    except Exception as error:
        answer = [type(error).__name__, str(error)]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("engines")
    names = {"doubling": "Doubling", "raising": "Raising", "wordy": "Wordy", "newer": "Newer", "old": "Old"}
    names |= {"unmade": "unmade", "number": "number", "lost": "missing", "numpy": "Doubling"}
    points = {k: f"some_engine:{v}" for k, v in names.items()}
    install(place, "some-engines", points, {"some_engine": PLUGIN}, group="minigrad.engines")
    return place


def answer_of(folder: Path, name: str, size: int = 3, **environment: str) -> list[object]:
    code = RUN.replace("SIZE", str(size)).replace("NAME", repr(name))
    found = ask([folder], code, **environment)
    assert isinstance(found, list)
    return found


def test_the_plugin_runs_what_it_takes_and_numpy_the_rest(folder: Path) -> None:
    name, y, declined = answer_of(folder, "doubling")
    assert "some-engines 1.0" in str(name)
    assert (y, declined) == ([42.0] * 3, 0)
    assert answer_of(folder, "doubling", 11)[1:] == [[-1.0] * 11, 1]
    assert answer_of(folder, "", MINIGRAD_ENGINE="doubling")[1] == [42.0] * 3
    assert answer_of(folder, "", MINIGRAD_ENGINE="numpy")[:2] == ["numpy", [-1.0] * 3]
    name, y, _ = answer_of(folder, "", MINIGRAD_ENGINE="", MINIGRAD_CC="no-such-compiler")
    assert re.match(r"numpy \((no C compiler|minigrad-cc is not installed)", str(name)), "auto, when nothing is said"
    assert y == [-1.0] * 3
    assert answer_of(folder, "some-engines:numpy")[1] == [42.0] * 3
    assert answer_of(folder, "numpy")[:2] == ["numpy", [-1.0] * 3]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("raising", "EngineError", ["some-engines 1.0", "mine", "ZeroDivisionError: oh", "MINIGRAD_ENGINE=numpy"]),
        ("wordy", "EngineError", ["some-engines 1.0", "CompiledGroup or None", "'done'"]),
        ("newer", "EngineError", ["some-engines 1.0", "1.7", "1.0", "update minigrad"]),
        ("old", "EngineError", ["some-engines 1.0", "0.9", "update the plugin"]),
        ("unmade", "EngineError", ["some-engines 1.0", "no compiler"]),
        ("number", "EngineError", ["some-engines 1.0", "class or a function"]),
        ("lost", "EngineError", ["some-engines 1.0", "missing"]),
        ("doublin", "UnknownEngine", ["'doublin'", "Did you mean 'doubling'?", "numpy"]),
    ],
)
def test_errors_say_who_and_what(folder: Path, name: str, kind: str, words: list[str]) -> None:
    found, message = answer_of(folder, name)
    assert found == kind
    for word in words:
        assert word in str(message)


def test_auto_takes_the_engine_called_cc_if_it_can_run(tmp_path: Path) -> None:
    lacking = PLUGIN + "\nclass Lacking(Doubling):\n    unavailable = 'no compiler'\n"
    for target, named, y in (("Doubling", "cc (some-engines 1.0", 42.0), ("Lacking", "numpy (no compiler)", -1.0)):
        place = tmp_path / target
        install(
            place,
            "some-engines",
            {"cc": f"some_{target}:{target}"},
            {f"some_{target}": lacking},
            group="minigrad.engines",
        )
        name, numbers, _ = answer_of(place, "auto", MINIGRAD_PLUGINS="some-engines")
        assert named in str(name)
        assert numbers == [y] * 3
    assert answer_of(tmp_path, "auto", MINIGRAD_PLUGINS="none")[:2] == [
        "numpy (minigrad-cc is not installed)",
        [-1.0] * 3,
    ]


def test_a_variable_with_an_unknown_name_is_named_and_the_allow_list_holds(folder: Path) -> None:
    kind, message = answer_of(folder, "", MINIGRAD_ENGINE="nowhere")
    assert kind == "UnknownEngine"
    assert "MINIGRAD_ENGINE" in str(message)
    kind, message = answer_of(folder, "doubling", MINIGRAD_PLUGINS="none")
    assert "MINIGRAD_PLUGINS" in str(message)


def test_the_built_in_engine_is_always_there() -> None:
    assert available()["numpy"] is None
    with pytest.raises(UnknownEngine, match="numpy"):
        create_engine("nunpy")
    x, y = np.arange(4.0), np.empty(4)
    call = ElementwiseCall(np.square, (0,), (4,), x.dtype)
    for code in create_engine("numpy").bind(FusionGroup((4,), (Input.of(x),), (call,), (Output(1, y),))).calls:
        code()
    assert np.array_equal(y, x * x)
