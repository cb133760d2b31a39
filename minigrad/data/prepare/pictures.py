"""Files of pictures as rows of pixels, read by Pillow where it is installed."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.data.errors import DataError, DataFileError

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "HELD_OUT",
    "PICTURE_SUFFIXES",
    "PictureFormat",
    "is_picture_folder",
    "picture_files",
    "picture_paths",
    "pictures_by_class",
    "read_pictures",
]

_GRAY = ("1", "L", "I", "F", "LA", "La", "I;16", "I;16B", "I;16L")
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
    return is_picture_folder(path / "train") or len(pictures_by_class(path)) >= 2


def pictures_by_class(folder: Path) -> dict[str, list[Path]]:
    """Name of each folder inside -> the pictures in it and below it.

    Folders that are hidden or without pictures are left out.

    Raises:
        DataFileError: beside folders of pictures there is one that cannot be read: a class would be left out.
    """
    unread: list[OSError] = []
    found = dict[str, list[Path]]()
    for sub in sorted(folder.iterdir()):
        if sub.is_dir() and not sub.name.startswith(".") and sub.name != "lost+found":
            walk = os.walk(sub, onerror=unread.append)
            files = sorted(Path(place, name) for place, _, names in walk for name in names if _is_picture(Path(name)))
            found |= {sub.name: files} if files else {}
    if found and unread:
        why = unread[0].strerror or unread[0]
        raise DataFileError(Path(unread[0].filename), f"cannot be read ({why})", "a folder of pictures")
    return found


def picture_files(path: Path) -> list[Path]:
    """The pictures directly in a folder, sorted by name; a file by itself is one."""
    return [file for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if _is_picture(file)]


def _is_picture(file: Path) -> bool:
    """Whether a file is a picture by its name; what begins with a point is a system's own."""
    return file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".")


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
    files = picture_paths(rows)
    form = _common_format(files, size) if form is None else form
    pixels = np.empty((len(files), *((3,) if form.color else ()), form.height, form.width), dtype=np.uint8)
    for k, file in enumerate(files):
        pixels[k] = _pixels(file, form)
    return pixels


def _common_format(files: Sequence[Path], size: tuple[int, int] | None) -> PictureFormat:
    """The size of the first picture, and colors if any has them."""
    modes, sizes = [], []
    for file in files:
        with _opened(file) as picture:
            modes.append(picture.mode)
            sizes.append((picture.height, picture.width))
    height, width = sizes[0] if size is None else size
    return PictureFormat(height, width, any(mode not in _GRAY for mode in modes), size is not None)


def _pixels(file: Path, form: PictureFormat) -> NDArray[np.uint8]:
    """One picture in a format; those of 16 bits are brought to 8."""
    with _opened(file) as picture:
        if picture.size != (form.width, form.height) and not form.resize:
            there, wanted = (f"{w} x {h} pixels" for w, h in (picture.size, (form.width, form.height)))
            raise DataFileError(file, f"a picture of {there}", f"{wanted}, as all others", "--size N resizes all.")
        picture.load()
        if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
            picture = _eight_bits(file, picture)
        if picture.size != (form.width, form.height):
            picture = picture.convert("RGB" if form.color else "L").resize((form.width, form.height))
        pixels = np.asarray(picture.convert("RGB" if form.color else "L"), dtype=np.uint8)
    return np.moveaxis(pixels, -1, 0) if form.color else pixels


def _eight_bits(file: Path, picture: Image.Image) -> Image.Image:
    """A picture of 16 bits in 8, which Pillow would clip at 255."""
    from PIL import Image

    values = np.asarray(picture)
    if picture.mode == "F" or values.min() < 0 or values.max() > 65_535:
        raise DataFileError(file, f"a picture in Pillow's mode {picture.mode}", "8 or 16 bits a color")
    return Image.fromarray(np.rint(values / 257.0).astype(np.uint8))


def picture_paths(rows: object) -> list[Path]:
    """The files that are meant by a path of a picture or of a folder, or by several paths.

    Raises:
        DataFileError: there is no picture.
        DataError: it is no path.
    """
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


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise DataError(f"{file}: pictures are read by Pillow, which is not installed: pip install pillow") from None
    damage = (UnidentifiedImageError, OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError)
    try:
        with Image.open(file) as picture:
            yield picture
    except FileNotFoundError:
        raise DataFileError(file, "no such file", "a picture") from None
    except damage as error:
        if isinstance(error, DataError):
            raise
        raise DataFileError(file, f"cannot be read ({error!s:.80})", "a picture") from error
