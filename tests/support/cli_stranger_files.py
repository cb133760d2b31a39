"""Files of every kind that a stranger may name on a command line: scripts, rows, runs, and what looks like them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from minigrad.charts.png import png
from support.cli_calls import code_of
from support.data_writers import cifar_folder, mnist_folder

__all__ = ["RUNS", "SEARCH", "TABLES", "furnish", "script_text"]

NET = "from minigrad import nn\nimport minigrad as mg\nimport numpy as np\n"
TABLE = ("a,b,c,y", *(f"{k},{k % 5},{'uvw'[k % 3]},{['no', 'yes'][k % 2]}" for k in range(40)))
TABLES: Mapping[str, bytes] = {
    "rows.csv": "\n".join(TABLE).encode(),
    "numbers.csv": b"a,b,y,w\n" + b"".join(b"%d,%d,%f,1\n" % (k, k % 7, k / 3) for k in range(40)),
    "rows.tsv": "\n".join(TABLE).replace(",", "\t").encode(),
    "more.csv": b"a,b,c\n1,2,u\n3,4,w\n",
    "latin.csv": "a,b,c,y\n1,2,\u00fc,no\n".encode("latin-1") * 9,
    "sixteen.csv": "\n".join(TABLE).encode("utf-16"),
    "marked.csv": b"\xef\xbb\xbf" + "\n".join(TABLE).encode("utf-8"),
    "ragged.csv": b"a,b,y\n1,2,3\n1,2\n1,2,3,4\n",
    "twice.csv": b"a,a,y\n1,2,3\n" * 5,
    "unnamed.csv": b",,\n1,2,3\n4,5,6\n",
    "quotes.csv": b'a,b,y\n"1,2,3\n4,5,6\n',
    "head.csv": b"a,b,c,y\n",
    "empty.csv": b"",
    "lines.csv": b"\n\n\n",
    "zeros.csv": b"a,b,y\n\0\0\0",
    "one.csv": b"a,b,c,y\n1,2,u,no\n",
    "nan.csv": b"a,b,c,y\nnan,inf,u,no\n,,,\n-inf,1e999,w,yes\n" * 8,
    "wide.csv": b",".join(b"c%d" % k for k in range(2_000)) + b"\n" + b",".join([b"1"] * 2_000),
    "same.csv": b"a,b,c,y\n1,1,u,no\n" + b"1,1,u,no\n" * 30,
    "long.csv": b"a,b,y\n" + b"x" * 200_000 + b",1,2\n1,2,3\n",
    "other.csv": b"p,q\n1,2\n3,4\n",
    "unseen.csv": b"a,b,c,y\n1,2,zzz,no\nx,2,u,perhaps\n",
    "tale.txt": b"once upon a time there was a cat. " * 80,
    "short.txt": b"ab",
    "empty.txt": b"",
    "bytes.txt": bytes(range(256)) * 4,
    "same.txt": b"a" * 3_000,
    "sheet.xlsx": b"PK\3\4" + bytes(90),
    "frame.parquet": b"PAR1" + bytes(40) + b"PAR1",
    "empty.npz": b"",
    "nothing": b"",
    "taken.txt": b"x",
    "pickle.pkl": b"\x80\4K\1.",
}


def furnish(folder: Path) -> None:
    """Files of every kind, runs of every kind, and what looks like either, in a folder that is the current one."""
    for name, content in TABLES.items():
        (folder / name).write_bytes(content)
    rng = np.random.default_rng(0)
    rows, kinds = rng.normal(size=(40, 4)), np.arange(40) % 3
    np.savez("rows.npz", x=rows, y=kinds)
    np.savez("numbers.npz", x=rows, y=rows[:, :2])
    np.savez("labels.npz", x=rows, y=(rows[:, :3] > 0).astype(np.int64))
    np.savez("odd.npz", a=rows, b=np.array(["x", None], dtype=object))
    np.savez("bare.npz", x=rows)
    np.savez("uneven.npz", x=rows, y=kinds[:9])
    np.savez("nan.npz", x=rows * np.nan, y=kinds)
    np.savez("none.npz", x=rows[:0], y=kinds[:0])
    np.save("rows.npy", rows)
    np.save("flat.npy", rows[0])
    np.save("object.npy", np.array([{}], dtype=object))
    for kind in ("cats", "dogs"):
        Path("pets", kind).mkdir(parents=True)
        for k in range(6):
            Path("pets", kind, f"{k}.png").write_bytes(_png(rng))
    shutil.copytree("pets", "hurt")
    Path("hurt/cats/0.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    Path("hurt/dogs/notes.txt").write_text("x")
    shutil.copytree("pets/cats", "alone/cats")
    mnist_folder(Path("idx"))
    mnist_folder(Path("packed"), packed=True)
    mnist_folder(Path("torn"))
    Path("torn/train-labels-idx1-ubyte").write_bytes(b"\0\0\x08")
    cifar_folder(Path("cifar"))
    for name in ("folder.py", "folder.csv", "folder.npz", "hollow", "folder.txt"):
        Path(name).mkdir()
    Path("loop").symlink_to("loop")
    Path("dangling.csv").symlink_to("nowhere.csv")
    Path("good.py").write_text(
        script_text({"model": "nn.mlp(4, [3], 3, rng=0)", "data": '"iris"', "loss": '"softmax"', "epochs": "1"})
    )
    Path("latin.py").write_bytes(b"# \xfc\n" + Path("good.py").read_bytes())
    Path("zeros.py").write_bytes(Path("good.py").read_bytes() + b"\0")
    Path("marked.py").write_bytes(b"\xef\xbb\xbf" + Path("good.py").read_bytes())
    for source, *more in (
        ("rows.csv", "--target", "y"), ("numbers.csv", "--target", "y"), ("rows.npz",), ("labels.npz", "--task",
        "multilabel"),
        ("tale.txt",), ("pets",), ("idx",), ("iris",),
    ):  # fmt: skip
        assert code_of("train", "--data", source, *more, "--hidden", "3", "--epochs", "1", "--no-checks") == 0, source
    assert code_of("run", "good.py", "--no-checks") == 0
    assert (
        code_of("sweep", "good.py", "lr=1e-3:1e-1", "--trials", "2", "--rounds", "1", "--rungs", "1", "--jobs", "1")
        == 0
    )


def _png(rng: np.random.Generator) -> bytes:
    return png(rng.integers(0, 256, (6, 6, 4), dtype=np.uint8))


def script_text(fields: Mapping[str, str], tail: str = "") -> str:
    return NET + "".join(f"{name} = {value}\n" for name, value in fields.items()) + tail + "\n"


RUNS = (
    "0001-rows",
    "0002-numbers",
    "0003-rows",
    "0004-labels",
    "0005-tale",
    "0006-pets",
    "0007-idx",
    "0008-iris",
    "0009-good",
)
SEARCH = "0010-sweep-good"
