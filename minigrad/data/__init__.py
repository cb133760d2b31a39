"""Data: embedded and generated sets, loaders of local files, splits, batches.

Augmentation, too. Nothing downloads.

>>> from minigrad import data
>>> fashion = data.load("fashion").scaled()        # (5000, 784) and (1000, 784) float32, labels int64
>>> for x, y in data.batches(fashion.x_train, fashion.y_train, 64, seed=0): ...

Sources and licences of the embedded sets: DATASHEET.md beside this file.
"""

from minigrad import lazy
from minigrad.data.augment import Augment, Compose, FixedSeed, Flip, Noise, RandomCrop
from minigrad.data.batches import batches
from minigrad.data.catalog import available, load
from minigrad.data.check import Finding, check, check_finite, check_labels, find_issues
from minigrad.data.cifar import load_cifar10, read_cifar10
from minigrad.data.corpus import Corpus, load_text, read_corpus, sequences
from minigrad.data.dataset import Dataset, Layout
from minigrad.data.embedded import Card
from minigrad.data.errors import DataError, DataFileError, DataValueError, UnknownDataError
from minigrad.data.generated import blobs, spiral
from minigrad.data.idx import load_idx, read_idx
from minigrad.data.load_pictures import load_pictures
from minigrad.data.load_table import load_table
from minigrad.data.loader import Loader
from minigrad.data.npz import load_npz
from minigrad.data.prefetch import prefetched
from minigrad.data.prepare.preparation import Preparation
from minigrad.data.scaling import Scaling
from minigrad.data.split import resplit, split_rows

__all__ = [
    "Augment",
    "Card",
    "Compose",
    "Corpus",
    "DataError",
    "DataFileError",
    "DataValueError",
    "Dataset",
    "Finding",
    "FixedSeed",
    "Flip",
    "Layout",
    "Loader",
    "Noise",
    "Preparation",
    "RandomCrop",
    "Scaling",
    "UnknownDataError",
    "available",
    "batches",
    "blobs",
    "check",
    "check_finite",
    "check_labels",
    "find_issues",
    "load",
    "load_cifar10",
    "load_idx",
    "load_npz",
    "load_pictures",
    "load_table",
    "load_text",
    "prefetched",
    "read_cifar10",
    "read_corpus",
    "read_idx",
    "resplit",
    "sequences",
    "spiral",
    "split_rows",
]

_OTHER_WORDS = {
    "DataLoader": "Loader(x, y, batch_size, seed=0)",
    "TensorDataset": "arrays as they are: Loader(x, y), or fit(model, (x, y))",
    "random_split": "train, val = split_rows(x, y, val=0.2), which are row numbers",
    "train_test_split": "train, val = split_rows(x, y, val=0.2), which are row numbers",
    "Subset": "rows of the arrays: Loader(x[rows], y[rows])",
    "ConcatDataset": "numpy.concatenate of the arrays",
    "ToTensor": "arrays as they are: load('fashion').scaled() scales pictures",
    "Normalize": "Dataset.scaled(), or Scaling.fit(x)",
    "StandardScaler": "Dataset.scaled(), or Scaling.fit(x)",
    "RandomHorizontalFlip": "Loader(..., augment=Flip())",
    "ImageFolder": "load_pictures(folder)",
    "MNIST": "load(folder) of its IDX files, or load('fashion'), load('digits'), which are in the package",
    "FashionMNIST": "load('fashion')",
    "CIFAR10": "load(folder) of its binary files",
    "read_csv": "load_table(path, target=...)",
    "load_csv": "load_table(path, target=...)",
    "transforms": "Flip, RandomCrop, Noise and Compose are given to Loader(..., augment=...)",
}
__getattr__ = lazy.renamed(__name__, {"Frozen": "FixedSeed", "inspect": "find_issues"}, _OTHER_WORDS)
