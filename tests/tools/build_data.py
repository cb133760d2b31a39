"""Re-create the data sets embedded in ``minigrad/data/sets`` from packages of public registries.

Nothing here runs at install or run time. To rebuild (Debian or Ubuntu, any folder)::

    apt-get download dataset-fashion-mnist bible-kjv bible-kjv-text
    for deb in *.deb; do dpkg -x "$deb" unpacked; done
    pip download scikit-learn --no-deps
    python tests/tools/build_data.py --root unpacked --wheel scikit_learn-*.whl --out minigrad/data/sets

``--check`` writes nothing: it compares the arrays with those already embedded and exits 1 where they differ. How each
set's rows are chosen is written in ``minigrad/data/DATASHEET.md``.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
IRIS_FEATURES = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
WINE_FEATURES = (
    "alcohol",
    "malic acid",
    "ash",
    "alcalinity of ash",
    "magnesium",
    "total phenols",
    "flavanoids",
    "nonflavanoid phenols",
    "proanthocyanins",
    "color intensity",
    "hue",
    "od280/od315 of diluted wines",
    "proline",
)
CELL_MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
CANCER_FEATURES = tuple(f"{kind} {name}" for kind in ("mean", "standard error of", "worst") for name in CELL_MEASURES)
DIABETES_FEATURES = ("age", "sex", "bmi", "bp", "s1 tc", "s2 ldl", "s3 hdl", "s4 tch", "s5 ltg", "s6 glu")
BOOKS = {"genesis": "gen1:1-50:26", "psalms": "psa1:1-150:6"}


def take_per_class(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], count: int, seen: set[bytes]
) -> NDArray[np.intp]:
    """The first ``count`` rows of each class in file order, without rows byte-identical to one in ``seen``."""
    taken: list[int] = []
    left = dict.fromkeys(range(10), count)
    for row, label in enumerate(labels.tolist()):
        key = images[row].tobytes()
        if left[label] and key not in seen:
            seen.add(key)
            left[label] -= 1
            taken.append(row)
    if any(left.values()):
        raise SystemExit(f"too few distinct rows of classes {[c for c, n in left.items() if n]}")
    return np.array(taken)


def read_gz_idx(path: Path, header: int) -> NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(path.read_bytes())[header:], np.uint8)


def fashion(root: Path) -> Arrays:
    """500 + 100 rows per class: training rows from the train file, validation rows from the test file."""
    folder = root / "usr/share/datasets/fashion-mnist"
    seen: set[bytes] = set()
    out: dict[str, NDArray[np.generic]] = {}
    for split, stem, count in (("train", "train", 500), ("val", "t10k", 100)):
        images = read_gz_idx(folder / f"{stem}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        labels = read_gz_idx(folder / f"{stem}-labels-idx1-ubyte.gz", 8)
        rows = take_per_class(images, labels, count, seen)
        out[f"x_{split}"], out[f"y_{split}"] = images[rows], labels[rows]
    return {**out, "class_names": np.array(FASHION_CLASSES)}


def digits(wheel: zipfile.ZipFile) -> Arrays:
    text = gzip.decompress(wheel.read("sklearn/datasets/data/digits.csv.gz"))
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
    names = np.array([str(digit) for digit in range(10)])
    return {"x": table[:, :64].reshape(-1, 8, 8), "y": table[:, 64], "class_names": names}


def table(wheel: zipfile.ZipFile, file: str, features: Sequence[str]) -> Arrays:
    """A CSV of scikit-learn's: first line ``rows,columns,class names...``, then features and the class index."""
    head, *rows = csv.reader(io.StringIO(wheel.read(f"sklearn/datasets/data/{file}").decode()))
    values = np.array([[float(cell) for cell in row] for row in rows])
    if values.shape != (int(head[0]), int(head[1]) + 1) or len(features) != int(head[1]):
        raise SystemExit(f"{file}: header says {head[:2]}, found {values.shape}")
    return {
        "x": values[:, :-1],
        "y": values[:, -1].astype(np.uint8),
        "class_names": np.array(head[2:]),
        "feature_names": np.array(features),
    }


def diabetes(wheel: zipfile.ZipFile) -> Arrays:
    raw, target = (
        np.loadtxt(io.BytesIO(gzip.decompress(wheel.read(f"sklearn/datasets/data/diabetes_{part}.csv.gz"))))
        for part in ("data_raw", "target")
    )
    return {"x": raw, "y": target, "feature_names": np.array(DIABETES_FEATURES)}


def kjv(root: Path) -> Arrays:
    """Genesis and Psalms, one verse a line without its number, an empty line between chapters; plain ASCII."""
    out: dict[str, NDArray[np.generic]] = {}
    for book, verses in BOOKS.items():
        command = [str(root / "usr/bin/bible"), "-p", str(root / "usr/lib"), "-f", verses]
        printed = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
        found = re.findall(r"^[A-Z][a-z]+(\d+):\d+ (.*\S)\s*$", printed.decode("ascii"), flags=re.MULTILINE)
        text, last = "", "1"
        for chapter, verse in found:
            text += ("\n" if chapter != last else "") + verse + "\n"
            last = chapter
        out[book] = np.frombuffer(text.encode("ascii"), np.uint8)
    return out


def packed(arrays: Arrays) -> bytes:
    """An ``.npz`` whose bytes depend on the arrays and the zlib version only: members sorted, dates fixed, level 9."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, member.getvalue(), compresslevel=9)
    return stream.getvalue()


def same(blob: bytes, path: Path) -> bool:
    with np.load(io.BytesIO(blob), allow_pickle=False) as new, np.load(path, allow_pickle=False) as old:
        return sorted(new.files) == sorted(old.files) and all(
            new[k].dtype == old[k].dtype and np.array_equal(new[k], old[k]) for k in new.files
        )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder into which the three .deb files are unpacked")
    parser.add_argument("--wheel", type=Path, required=True, help="scikit-learn wheel")
    parser.add_argument("--out", type=Path, required=True, help="folder of the .npz files")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    args = parser.parse_args(argv)
    with zipfile.ZipFile(args.wheel) as wheel:
        sets: dict[str, Arrays] = {
            "fashion": fashion(args.root),
            "digits": digits(wheel),
            "iris": table(wheel, "iris.csv", IRIS_FEATURES),
            "wine": table(wheel, "wine_data.csv", WINE_FEATURES),
            "breast_cancer": table(wheel, "breast_cancer.csv", CANCER_FEATURES),
            "diabetes": diabetes(wheel),
            "kjv": kjv(args.root),
        }
    good = True
    for name, arrays in sets.items():
        blob, path = packed(arrays), args.out / f"{name}.npz"
        if args.check:
            equal = path.is_file() and same(blob, path)
            good &= equal
            print(f"{name}: {'same arrays' if equal else 'DIFFERENT'}")
        else:
            path.write_bytes(blob)
            print(f'{name}: {len(blob)} bytes, sha256 "{hashlib.sha256(blob).hexdigest()}"')
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
