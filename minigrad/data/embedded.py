"""The sets inside the package (`sets/*.npz`): what they are, and their checksums.

The checksums are verified at every load.

Rows, sources and licences: DATASHEET.md. `tests/tools/build_data.py` in the project's repository makes the files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import attrs

from minigrad.data.arrays import AnyDtypeArray
from minigrad.data.dataset import Dataset
from minigrad.data.errors import DataFileError
from minigrad.data.npz import from_arrays
from minigrad.data.prepare.npy import read_npz
from minigrad.data.split import resplit

SETS = Path(__file__).with_name("sets")
UCI = "CC BY 4.0 (UCI Machine Learning Repository)"


@attrs.frozen
class Card:
    """What `available()` says about a data set.

    `task` of a text is to predict the next character.
    """

    name: str
    origin: Literal["embedded", "generated"]
    kind: Literal["image", "table", "text"]
    task: Literal["classification", "regression"]
    content: str
    licence: str
    source: str
    full_scale: float = attrs.field(default=255.0, repr=False)
    sha256: str = attrs.field(default="", repr=False)


CARDS = (
    Card(
        "fashion",
        "embedded",
        "image",
        "classification",
        "5,000 + 1,000 pictures of clothes, 28x28, 10 classes",
        "MIT (Zalando SE)",
        "Fashion-MNIST, Xiao, Rasul and Vollgraf 2017; Debian package dataset-fashion-mnist",
        sha256="4af65a14b35f91a895ecfd8f34231c13f250b7ad99b21fe880ee27b31542bb34",
    ),
    Card(
        "digits",
        "embedded",
        "image",
        "classification",
        "1,797 handwritten digits, 8x8, 10 classes",
        UCI,
        "Optical Recognition of Handwritten Digits (test part), Alpaydin and Kaynak 1998; scikit-learn",
        full_scale=16.0,
        sha256="a3e6767287e16c3f6d82872c4f61baba43e008f07765c3fe63eeae22e876e9eb",
    ),
    Card(
        "iris",
        "embedded",
        "table",
        "classification",
        "150 flowers, 4 measures, 3 species",
        UCI,
        "Iris, Fisher 1936; scikit-learn",
        sha256="85adf9c1223a50133c9e43341f770877ed93fd44b84894fa914d45691e6942dc",
    ),
    Card(
        "wine",
        "embedded",
        "table",
        "classification",
        "178 wines, 13 measures, 3 growers",
        UCI,
        "Wine, Aeberhard and Forina 1992; scikit-learn",
        sha256="acaa1ba5e2f47681df9e25155fad1424f66843f6b4c381af1fe5c0898dfc2a29",
    ),
    Card(
        "breast_cancer",
        "embedded",
        "table",
        "classification",
        "569 cell samples, 30 measures, malignant or benign",
        UCI,
        "Breast Cancer Wisconsin (Diagnostic), Wolberg, Mangasarian, Street and Street 1995; scikit-learn",
        sha256="57a0afd730bf3a60522139d6dca3975f2b47ea877835df6309a54bf3badd07c8",
    ),
    Card(
        "diabetes",
        "embedded",
        "table",
        "regression",
        "442 patients, 10 measures, progression after a year",
        "no licence stated by its authors; distributed in scikit-learn under BSD-3-Clause",
        "Least Angle Regression, Efron, Hastie, Johnstone and Tibshirani 2004; scikit-learn",
        sha256="0db33588b171f87cdd4d818b5048b4883a11cd27b4a4ae435a7b36255918d34e",
    ),
    Card(
        "kjv",
        "embedded",
        "text",
        "classification",
        "Genesis and Psalms, 420,748 characters",
        "public domain (King James Version, 1611)",
        "Debian package bible-kjv-text",
        sha256="3d4e9f604808c9059dfad48aea3febf66ac9c917087d8d4ae5e949569a51d2df",
    ),
    Card("spiral", "generated", "table", "classification", "spiral arms in the plane", "", "minigrad.data.spiral"),
    Card("blobs", "generated", "table", "classification", "Gaussian clouds", "", "minigrad.data.blobs"),
)


def read_embedded(card: Card) -> dict[str, AnyDtypeArray]:
    """The arrays of an embedded set, after its checksum was compared.

    Raises:
        DataFileError: the file is damaged.
    """
    path = SETS / f"{card.name}.npz"
    remedy = "Reinstall minigrad."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataFileError(path, f"cannot be read ({error})", f"the embedded set {card.name!r}", remedy) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.sha256:
        raise DataFileError(path, f"damaged: {len(content)} bytes, sha256 {digest}", f"sha256 {card.sha256}", remedy)
    return read_npz(path, content)


def load_embedded(card: Card, val: float | None, seed: int) -> Dataset:
    """The Dataset of an embedded image or table set.

    Own splits stay unless `val` asks for another share.
    """
    source = f"{card.source}. Licence: {card.licence}. See minigrad/data/DATASHEET.md."
    arrays = read_embedded(card)
    share = 0.2 if val is None else val
    path = Path(f"{card.name}.npz")
    data = from_arrays(card.name, arrays, path, val=share, seed=seed, full_scale=card.full_scale, source=source)
    return resplit(data, val, seed) if val is not None and "x_train" in arrays else data
