"""The team of threads: each part once, the same bits with any number of threads, forks, users' threads, interrupts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from os import environ
from pathlib import Path
from textwrap import dedent

import pytest

from minigrad_cc.compiler import compiler
from support.compiled_at_once import compiled_at_once as compiled_at_once  # in use in all tests

STRESS = Path(__file__).parent / "team" / "stress.c"
STEP = dedent(
    """
    import hashlib, os, signal, sys, threading, time
    import numpy as np
    import minigrad as mg
    from minigrad import nn

    rng = np.random.default_rng(0)
    layers = nn.Linear(300, 256, rng=0), nn.Tanh(), nn.Linear(256, 256, rng=1), nn.ReLU(), nn.Linear(256, 7, rng=2)
    model = nn.Sequential(*layers)
    opt = mg.optimizer("adam", model.parameters(), lr=1e-3)
    x, y = rng.standard_normal((192, 300)).astype(np.float32), rng.integers(0, 7, 192)
    queries = rng.standard_normal((12, 96, 32)).astype(np.float32)

    @mg.define(engine="cc")
    def step(x, y):
        opt.zero_grad()
        loss = mg.cross_entropy(model(x), y) + 1e-9 * mg.mean(mg.square(mg.tanh(model.layers[0].weight)))
        loss.backward()
        opt.step()
        return loss

    @mg.define(engine="cc")
    def attention(q):
        scores = mg.softmax(q @ mg.swapaxes(q, 1, 2), axis=-1)
        return scores @ q, mg.sum(mg.exp(-mg.square(scores)))
    """
)
BITS = STEP + dedent(
    """
    digest = hashlib.sha256()
    for _ in range(30):
        digest.update(step(x, y).numpy().tobytes())
        for part in attention(queries):
            digest.update(part.numpy().tobytes())
    for p in model.parameters():
        digest.update(p.numpy().tobytes())
    print(digest.hexdigest(), step.explain().count("threads"), attention.explain().count("threads"))
    """
)
TRIES = STEP + dedent(
    """
    for _ in range(12):
        step(x, y), attention(queries)
    interrupts = 0
    for k in range(int(sys.argv[1])):
        kind = k % 3
        if kind == 0:  # a fork while another thread's program runs
            thread = threading.Thread(target=attention, args=(queries,))
            thread.start()
            child = os.fork()
            if not child:
                attention(queries)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            thread.join()
        elif kind == 1:
            threads = [threading.Thread(target=f, args=a) for f, a in ((attention, (queries,)), (step, (x, y)))]
            for thread in threads:
                thread.start()
            attention(queries)
            for thread in threads:
                thread.join()
        else:
            timer = threading.Timer(0.0004 * (k % 7), os.kill, (os.getpid(), signal.SIGINT))
            try:
                timer.start()
                while timer.is_alive():
                    step(x, y)
                time.sleep(0.01)
            except KeyboardInterrupt:
                interrupts += 1
            timer.join()
    print("done", np.isfinite(step(x, y).item()))
    """
)


def output_of(code: str, threads: int, *arguments: str) -> str:
    """What the code prints in a process with so many threads."""
    settings = {**environ, "MINIGRAD_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=settings, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def compiled(folder: Path, *options: str) -> Path | None:
    """The stress test as a program; None where the compiler has no such option."""
    program = folder / "stress"
    command = [compiler().path, "-O1", "-g", *options, str(STRESS), "-o", str(program), "-pthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return program if done.returncode == 0 else None


def run_stress(program: Path, *arguments: str) -> str:
    """Its output; addresses are not shuffled, which the thread sanitizer of older compilers cannot bear."""
    fixed = [shutil.which("setarch"), "-R"] if shutil.which("setarch") else []
    command = [*filter(None, fixed), str(program), *arguments]
    settings = {**environ, "TSAN_OPTIONS": "die_after_fork=0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=settings, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_every_part_is_made_once_also_beside_forks(tmp_path: Path, threads: str) -> None:
    program = compiled(tmp_path)
    assert program is not None
    assert run_stress(program, "300", "20", threads) == "0 wrong\n"


def test_the_thread_sanitizer_has_nothing_to_say(tmp_path: Path) -> None:
    program = compiled(tmp_path, "-fsanitize=thread")
    if program is None:
        pytest.skip("the compiler has no thread sanitizer")
    said = run_stress(program, "300", "1")
    if "unexpected memory mapping" in said:
        pytest.skip("the thread sanitizer does not run on this machine")
    assert said == "0 wrong\n"


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    one, two, four = (output_of(BITS, threads).split() for threads in (1, 2, 4))
    assert one[0] == two[0] == four[0]
    assert one[1:] == ["0", "0"]
    assert "0" not in two[1:], "something is shared"


def test_forks_threads_and_interrupts_end() -> None:
    assert output_of(TRIES, 2, "30").split() == ["done", "True"]


@pytest.mark.soak
def test_forks_threads_and_interrupts_end_in_a_thousand_tries() -> None:
    for threads in (2, 4):
        assert output_of(TRIES, threads, "1000").split() == ["done", "True"]
