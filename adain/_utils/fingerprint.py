"""Fingerprints of what a picture is made from, to see whether it would come out otherwise today; free of torch."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

ORIENTATION = 0x0112
"""EXIF's tag of how a picture is turned."""

_JSON = json.JSONEncoder(sort_keys=True)


def stamp(value: Any) -> Any:
    """A value as something JSON can hold that changes when the value does.

    Files are told by name, size and time of change, as ``make`` and ``rsync`` do: reading them would take as long
    as stylising small ones. Their folder does not count, so that it may be moved. Pictures, arrays, tensors
    and open files are told by their bytes, and pictures by what else decides how they look.
    """
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): stamp(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [stamp(item) for item in value]
    if isinstance(value, os.PathLike):
        path = value if isinstance(value, Path) else Path(value)
        try:
            status = os.stat(path)
        except (OSError, ValueError):  # the latter of names that no file can have
            return [path.name]
        return [path.name, status.st_size, status.st_mtime_ns]
    if isinstance(value, (bytes, bytearray)):
        return _digest(value)
    if isinstance(value, Fraction):
        return str(value)
    if hasattr(value, "getvalue"):  # a file in memory
        return _digest(value.getvalue())
    if hasattr(value, "read") and hasattr(value, "seek"):
        place = value.tell()
        value.seek(0)
        data = value.read()
        value.seek(place)
        return _digest(data)
    if hasattr(value, "tobitmap"):  # a picture of Pillow
        pixels = _digest(value.tobytes() + bytes(value.getpalette() or ()))
        more = [value.info.get("icc_profile"), value.info.get("transparency"), value.getexif().get(ORIENTATION)]
        return [value.mode, value.size, pixels, stamp(more)]
    if hasattr(value, "state_dict"):  # a network
        return {name: stamp(tensor) for name, tensor in value.state_dict().items()}
    if hasattr(value, "__array__"):
        if hasattr(value, "detach"):  # a tensor; NumPy knows no bfloat16
            value = (value.float() if value.is_floating_point() else value).detach().cpu().numpy()
        return [list(value.shape), value.dtype.str, _digest(value.tobytes())] if value.ndim else value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: stamp(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return [type(value).__name__, fields]
    if isinstance(value, Sequence):
        return [stamp(item) for item in value]
    return value


def _digest(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()


def fingerprint(value: Any) -> str:
    """16 hexadecimal digits that differ where the :func:`stamp` of a value does.

    >>> fingerprint({"alpha": 1.0}) == fingerprint({"alpha": 0.5})
    False
    """
    return hashlib.sha256(_JSON.encode(stamp(value)).encode("utf-8", "surrogateescape")).hexdigest()[:16]
