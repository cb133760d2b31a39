"""What can be asked of the namespace: devices, dtypes, abilities."""

from __future__ import annotations

from minigrad.array_api.calls import check_device
from minigrad.array_api.dtypes import KINDS, DType, bool, float64, int64
from minigrad.ops.numpy.errors import NotProvided

DTYPES: tuple[DType, ...] = (bool, *KINDS["numeric"])


class NamespaceInfo:
    """The answers to `__array_namespace_info__()`."""

    def capabilities(self) -> dict[str, object]:
        """Say what the standard leaves open: both kinds of indexing work, on at most 64 axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The only device, main memory."""
        return "cpu"

    def default_dtypes(self, *, device: object = None) -> dict[str, DType]:
        """The dtypes of Python's numbers and of positions; complex ones there are none."""
        check_device(device)
        return {"real floating": float64, "integral": int64, "indexing": int64}

    def devices(self) -> list[str]:
        """All devices."""
        return ["cpu"]

    def dtypes(self, *, device: object = None, kind: str | tuple[str, ...] | None = None) -> dict[str, DType]:
        """The dtypes of a kind, or of several, by name.

        Raises:
            NotProvided: `kind` is no word of the standard.
        """
        check_device(device)
        kinds = (kind,) if isinstance(kind, str) else kind
        if kinds is None:
            return {d.name: d for d in DTYPES}
        unknown = [k for k in kinds if k not in KINDS]
        if unknown:
            raise NotProvided(f"{unknown[0]!r} is no kind of dtype; there are {', '.join(map(repr, KINDS))}")
        return {d.name: d for d in DTYPES if any(d in KINDS[k] for k in kinds)}


def namespace_info() -> NamespaceInfo:
    """Devices, dtypes and abilities of this namespace."""
    return NamespaceInfo()
