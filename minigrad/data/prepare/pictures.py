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

__all__ = ["PICTURE_SUFFIXES", "PictureFormat", "is_picture_folder", "picture_files", "read_pictures"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


@attrs.frozen
class PictureFormat:
    """Height, width and colors that a model was trained on.

    Attributes:
        height: in pixels.
        width: in pixels.
        color: whether pictures have red, green and blue, `(3, height, width)`, or are gray, `(height, width)`.
    """

    height: int
    width: int
    color: bool

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
        return cls(height, width, fields["color"] is True)


def is_picture_folder(path: Path) -> bool:
    """Whether a folder holds two or more folders with pictures."""
    return path.is_dir() and sum(bool(picture_files(sub)) for sub in path.iterdir() if sub.is_dir()) >= 2


def picture_files(path: Path) -> list[Path]:
    """The pictures directly in a folder, sorted by name; a file by itself is one."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file for file in files if file.suffix.lower() in PICTURE_SUFFIXES]


def read_pictures(rows: object, form: PictureFormat | None = None) -> NDArray[np.uint8]:
    """Pictures as `(N, H, W)` or, in color, `(N, 3, H, W)`, 0 to 255.

    Args:
        rows: path of a picture or of a folder of them, or several paths.
        form: what they must be; None takes that of the first, in color if any of them is.

    Raises:
        DataFileError: a file is missing, no picture, or of another size.
        DataError: Pillow is not installed.
    """
    files = _files(rows)
    pictures = [_open(file) for file in files]
    if form is None:
        width, height = pictures[0].size
        form = PictureFormat(height, width, any(p.mode not in ("1", "L", "I", "F", "LA", "I;16") for p in pictures))
    arrays = []
    for file, picture in zip(files, pictures, strict=True):
        if picture.size != (form.width, form.height):
            problem = f"a picture of {picture.size[0]} x {picture.size[1]} pixels"
            raise DataFileError(file, problem, f"{form.width} x {form.height}, as all others", "Resize it.")
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
