"""Files of pictures as rows of pixels, read by Pillow where it is installed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.data.errors import DataError, DataFileError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["HELD_OUT", "PICTURE_SUFFIXES", "PictureFormat", "is_picture_folder", "picture_files", "read_pictures"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


@attrs.frozen
class PictureFormat:
    """Height, width and colors that a model was trained on.

    Attributes:
        height: in pixels.
        width: in pixels.
        color: whether pictures have red, green and blue, `(3, height, width)`, or are gray, `(height, width)`.
        resize: whether pictures of other sizes are brought to this one; else they are refused.
    """

    height: int
    width: int
    color: bool
    resize: bool = False

    @classmethod
    def from_dict(cls, fields: object) -> PictureFormat:
        """The format from its fields.

        Raises:
            KeyError: a field is missing.
            TypeError: a field is of another kind.
        """
        if not isinstance(fields, Mapping):
            raise TypeError("a picture should be an object")
        height, width = fields["height"], fields["width"]
        if not isinstance(height, int) or not isinstance(width, int):
            raise TypeError("height and width should be whole numbers")
        return cls(height, width, fields["color"] is True, fields.get("resize") is True)


HELD_OUT = ("val", "valid", "validation", "test")
"""Names of the folder beside `train` that holds the validation pictures."""


def is_picture_folder(path: Path) -> bool:
    """Whether a folder holds folders with pictures, or such as `train` and `val`."""
    if not path.is_dir():
        return False
    if is_picture_folder(path / "train"):
        return True
    return sum(bool(picture_files(sub)) for sub in path.iterdir() if sub.is_dir()) >= 2


def picture_files(path: Path) -> list[Path]:
    """The pictures directly in a folder, sorted by name; a file by itself is one."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES]


def read_pictures(
    rows: object, form: PictureFormat | None = None, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Pictures as `(N, H, W)` or, in color, `(N, 3, H, W)`, 0 to 255.

    Args:
        rows: path of a picture or of a folder of them, or several paths.
        form: what they must be; None takes that of the first, in color if any of them is.
        size: height and width that all are brought to, where there is no form.

    Raises:
        DataFileError: a file is missing, no picture, or of another size.
        DataError: Pillow is not installed.
    """
    files = _files(rows)
    pictures = [_open(file) for file in files]
    if form is None:
        width, height = pictures[0].size if size is None else size[::-1]
        color = any(p.mode not in ("1", "L", "I", "F", "LA", "I;16") for p in pictures)
        form = PictureFormat(height, width, color, size is not None)
    arrays = []
    for file, picture in zip(files, pictures, strict=True):
        if picture.size != (form.width, form.height):
            if not form.resize:
                there, wanted = (f"{w} x {h} pixels" for w, h in (picture.size, (form.width, form.height)))
                raise DataFileError(file, f"a picture of {there}", f"{wanted}, as all others", "--size N resizes all.")
            picture = picture.resize((form.width, form.height))
        pixels = np.asarray(picture.convert("RGB" if form.color else "L"), dtype=np.uint8)
        arrays.append(np.moveaxis(pixels, -1, 0) if form.color else pixels)
    return np.stack(arrays)


def _files(rows: object) -> list[Path]:
    if isinstance(rows, str | os.PathLike):
        path = Path(rows)
        if not path.exists():
            raise DataFileError(path, "no such file or folder", "a picture, or a folder of pictures")
        files = picture_files(path)
        if not files:
            raise DataFileError(path, "no picture", f"files that end in {', '.join(PICTURE_SUFFIXES[:3])} ...")
        return files
    if isinstance(rows, Sequence) and rows and all(isinstance(r, str | os.PathLike) for r in rows):
        return [Path(r) for r in rows]
    raise DataError(f"pictures are given as an array, a path or several paths, got {type(rows).__name__}")


def _open(file: Path) -> Image.Image:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise DataError(f"{file}: pictures are read by Pillow, which is not installed: pip install pillow") from None
    try:
        with Image.open(file) as picture:
            picture.load()
            return picture
    except FileNotFoundError:
        raise DataFileError(file, "no such file", "a picture") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise DataFileError(file, f"cannot be read ({error})", "a picture") from error
