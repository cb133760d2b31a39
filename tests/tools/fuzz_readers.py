"""Files that nobody wrote, for a reader: `PYTHONPATH=tests python tests/tools/fuzz_readers.py checkpoint --seconds 60`

Guided by coverage where atheris is installed (`pip install atheris`), otherwise by chance. Each file must be read or
end in the reader's documented error, of less than 300 characters; index keys must give what NumPy gives. What does
neither is written to `--crashes`, once for each place where it was raised, and the program ends with 1.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(tempfile.mkdtemp(prefix="minigrad-fuzz-"))
Target = Callable[[bytes], object]


def _targets() -> dict[str, tuple[Target, list[bytes]]]:
    """What reads bytes, and files to begin with."""
    import minigrad as mg
    from minigrad import checkpoint, data, nn
    from minigrad.data.cifar import read_cifar10
    from minigrad.data.corpus import read_corpus
    from minigrad.data.idx import read_idx
    from minigrad.train import RunMetrics
    from support.checkpoint_headers import reseal

    def file(name: str, read: Callable[[Path], object]) -> Target:
        def one(content: bytes) -> object:
            path = FOLDER / name
            path.write_bytes(content)
            return read(path)

        return one

    checkpoint.save(FOLDER / "seed", nn.mlp(2, [3], 2, rng=0), about={"k": [1, 2.5, None]})
    saved = (FOLDER / "seed").read_bytes()
    arrays = io.BytesIO()
    np.savez(arrays, x=np.arange(12.0).reshape(6, 2), y=np.arange(6) % 2, class_names=np.array(["a", "b"]))
    numbers = b"\0\0\x08\x01\0\0\0\x03abc"
    table = 'name;größe;when;label\nA;1,5;2024-01-02;yes\n"B ""x""";;2024-01-03;no\n'.encode()
    open_checkpoint = file("c.safetensors", checkpoint.load)
    return {
        "checkpoint": (open_checkpoint, [saved]),
        "header": (lambda content: open_checkpoint(reseal(content)), [saved]),
        "npz": (file("x.npz", data.load), [arrays.getvalue()]),
        "figures": (file("figures.npz", RunMetrics.load), [arrays.getvalue()]),
        "table": (file("x.csv", data.load), [table, b"a,b\n1,2\n3,4\n", table.decode().encode("utf-16")]),
        "text": (file("x.txt", read_corpus), [b"some words of text. " * 20, "äöü".encode("utf-16")]),
        "idx": (file("x-idx1-ubyte", read_idx), [numbers]),
        "cifar": (file("data_batch_1.bin", lambda path: read_cifar10(path, rows=1)), [bytes(3073)]),
        "keys": (lambda content: _index(mg, content), [bytes(range(32))]),
    }


def _index(mg: Any, content: bytes) -> None:
    """A key for an array of (3, 4, 2): NumPy and minigrad refuse it, or give the same."""
    key = _key(random.Random(content))
    a = np.arange(24.0).reshape(3, 4, 2)
    try:
        expected = a[key]
    except (IndexError, ValueError, TypeError):
        expected = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            got = mg.tensor(a)[key]
        except mg.MinigradError:
            if expected is not None and np.asarray(expected).dtype != object:
                raise AssertionError(f"minigrad refuses what NumPy takes: {key!r}") from None
            return
    if expected is None or not np.array_equal(got.numpy(), expected):
        raise AssertionError(f"other numbers than NumPy's: {key!r}")


def _key(rng: random.Random, depth: int = 0) -> Any:
    number = rng.choice([0, 1, -1, 2, -3, 3, 4, 10**20, True, np.int64(1), np.uint8(2), np.float64(1.0)])
    kind = rng.randrange(12 if depth else 15)
    if kind < 3:
        return number
    if kind < 5:
        return slice(*(rng.choice([None, 0, 1, -1, 2, 5, -5]) for _ in range(3)))
    if kind == 5:
        return rng.choice([None, Ellipsis, np.newaxis])
    if kind == 6:
        return [rng.choice([0, 1, -1, 2]) for _ in range(rng.randrange(4))]
    if kind == 7:
        return np.array([rng.choice([0, 1, -1]) for _ in range(rng.randrange(1, 5))]).reshape(
            rng.choice([(-1,), (-1, 1)])
        )
    if kind == 8:
        return np.array([rng.random() < 0.5 for _ in range(rng.choice([3, 4, 2]))])
    if kind == 9:
        return [rng.random() < 0.5 for _ in range(3)]
    if kind == 10:
        return rng.choice(["x", 1.5, {}, object, b"", np.zeros((0,), int), np.array(1), np.ones((3, 4), bool)])
    if kind == 11:
        sequence = [rng.choice([0, 1, -1]) for _ in range(rng.randrange(3))]
        return rng.choice([tuple(sequence), deque(sequence), array("q", sequence), memoryview(b"\0\1"), range(-1, 2)])
    return tuple(_key(rng, 1) for _ in range(rng.randrange(5)))


def main() -> int:
    """Fuzz one reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time; default 60")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--crashes", type=Path, default=Path("crashes"), help="folder; default %(default)s")
    options = parser.parse_args()
    if find_spec("atheris") is not None:
        import atheris

        with atheris.instrument_imports(include=["minigrad"]):
            targets = _targets()
    else:
        targets = _targets()
    target, seeds = targets[options.target]
    watched = _Watched(target, options)
    if find_spec("atheris") is None:
        rng = random.Random(options.seed)
        while not watched.is_over():
            watched(_bent(rng, rng.choice(seeds)))
        return watched.told()
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for k, seed in enumerate(seeds):
        (corpus / str(k)).write_bytes(seed)
    arguments = [sys.argv[0], str(corpus), f"-seed={options.seed + 1}", "-max_len=4096", "-verbosity=0",
                 f"-artifact_prefix={FOLDER}/"]  # fmt: skip
    atheris.Setup(arguments, watched.one_of_many)
    atheris.Fuzz()
    return 0


class _Watched:
    """A target whose errors are documented ones, or kept."""

    def __init__(self, target: Target, options: argparse.Namespace) -> None:
        import minigrad as mg

        self._target, self._options, self._error = target, options, mg.MinigradError
        self._places: set[str] = set()
        self._count, self._slowest = 0, 0.0

    def __call__(self, content: bytes) -> None:
        self._count += 1
        began = time.process_time()
        try:
            self._target(content)
        except self._error as error:
            if len(str(error)) >= 300:
                self._keep(f"a message of {len(str(error))} characters: {str(error)[:80]}", content)
        except (Exception, RecursionError) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            self._keep(f"{type(error).__name__} at {last.filename}:{last.lineno}: {str(error)[:200]}", content)
        self._slowest = max(self._slowest, time.process_time() - began)

    def one_of_many(self, content: bytes) -> None:
        """Called by atheris, which never returns, and takes any way out but this for a crash."""
        self(content)
        if self.is_over():
            code = self.told()
            os._exit(code)

    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._count % 50 == 0 and time.process_time() > self._options.seconds

    def told(self) -> int:
        """Print the figures; 1 where something was kept."""
        seconds = time.process_time()
        print(f"{self._options.target}: {self._count:,} files in {seconds:.0f} s of processor time, "
              f"the slowest {self._slowest * 1000:.0f} ms, {len(self._places)} findings", flush=True)  # fmt: skip
        return int(bool(self._places))

    def _keep(self, what: str, content: bytes) -> None:
        place = what.partition(": ")[0] if "fuzz_readers" not in what else what
        if place not in self._places:
            self._places.add(place)
            self._options.crashes.mkdir(parents=True, exist_ok=True)
            (self._options.crashes / f"{self._options.target}-{len(self._places)}").write_bytes(content)
            print(f"{self._options.target}: {what}", flush=True)


def _bent(rng: random.Random, content: bytes) -> bytes:
    """Some changes: bits, bytes, pieces left out, said twice or taken from elsewhere in the file."""
    bent = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 8])):
        at, length = rng.randrange(len(bent) + 1), rng.choice([1, 1, 2, 4, 8, 64])
        pieces: Sequence[bytes] = (
            bytes([rng.randrange(256)]), b"", bytes(bent[at : at + length]) * 2, rng.randbytes(length),
            b"\xff" * length,
            bytes(bent[(place := rng.randrange(len(bent) + 1)) : place + length]),
            rng.choice([b"0", b"-1", b"1e999", b"NaN", b'"', b",", b"\n", b"\r", b"\0", b"[]", b"{}", b"9" * 400]),
        )  # fmt: skip
        bent[at : at + rng.choice([0, length])] = rng.choice(pieces)
    return bytes(bent)


if __name__ == "__main__":
    raise SystemExit(main())
