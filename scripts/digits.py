"""Data sets of digits for the scripts beside this file: four IDX files, plain or .gz, in a folder, or one .npz file.

Needs NumPy. `sottovoce data fetch` and `scripts/fetch-data-sets` make such folders.
"""

from __future__ import annotations

import gzip
import math
import pathlib
import zlib

import numpy

# The arrays' names in an .npz file and the files' names in a folder, in the order in which `read` returns them.
PARTS = [
    ("x_train", "train-images-idx3-ubyte"),
    ("y_train", "train-labels-idx1-ubyte"),
    ("x_test", "t10k-images-idx3-ubyte"),
    ("y_test", "t10k-labels-idx1-ubyte"),
]


class DataError(Exception):
    """A data set that cannot be read."""


def read(path: pathlib.Path) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Reads training images, training labels, test images and test labels. Images are bytes [image, row, column]."""
    if path.is_dir():
        arrays = [read_idx(find(path, name)) for _, name in PARTS]
    elif path.suffix == ".npz":
        arrays = read_npz(path)
    else:
        raise DataError(f"{path} is neither a folder nor an .npz file")
    for (images, labels), half in zip((arrays[:2], arrays[2:]), ("training", "test")):
        if images.ndim != 3 or images.dtype != numpy.uint8:
            raise DataError(f"{path}: the {half} images are {images.dtype} {list(images.shape)}, not uint8 [images, rows, columns]")
        if labels.shape != images.shape[:1]:
            raise DataError(f"{path}: there are {len(images)} {half} images, but {list(labels.shape)} labels")
    return tuple(arrays)


def find(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Finds the file of this name, plain or compressed, with a dash or a dot before `idx`."""
    names = [name, name.replace("-idx", ".idx")]
    for path in (folder / f"{name}{ending}" for name in names for ending in ("", ".gz")):
        if path.exists():
            return path
    raise DataError(f"{folder} holds no {name}, plain or .gz")


def read_idx(path: pathlib.Path) -> numpy.ndarray:
    """Reads an array of bytes: two zeros, the type 8, the number of axes, each axis's length in four bytes, the values."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: {error}") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise DataError(f"{path} is not an IDX file of bytes")
    first = 4 + 4 * content[3]
    if len(content) < first:
        raise DataError(f"{path} is damaged: its header ends after {len(content)} bytes")
    shape = numpy.frombuffer(content[4:first], ">u4").tolist()
    if len(content) - first != math.prod(shape):
        raise DataError(f"{path} is damaged: its header gives the shape {shape}, but {len(content) - first} values follow")
    return numpy.frombuffer(content, numpy.uint8, offset=first).reshape(shape)


def read_npz(path: pathlib.Path) -> list[numpy.ndarray]:
    """Reads the arrays of an archive in the form of Keras' mnist.npz."""
    try:
        with numpy.load(path, allow_pickle=False) as archive:
            missing = [name for name, _ in PARTS if name not in archive]
            if missing:
                raise DataError(f"{path} has no array `{missing[0]}`; it has {', '.join(archive)}")
            return [archive[name] for name, _ in PARTS]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
