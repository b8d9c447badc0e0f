"""Fingerprints of what a picture is made from, to see whether it would come out otherwise today."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def stamp(value: Any) -> Any:
    """A value as something JSON can hold that changes when the value does.

    Files are told by name, size and time of change, as ``make`` and ``rsync`` do: reading them would take as long
    as stylising small ones. Their folder does not count, so that it may be moved. Pictures, arrays, tensors
    and open files are told by their bytes.
    """
    if isinstance(value, os.PathLike):
        path = Path(value)
        try:
            status = path.stat()
        except (OSError, ValueError):  # the latter of names that no file can have
            return [path.name]
        return [path.name, status.st_size, status.st_mtime_ns]
    if isinstance(value, Image.Image):
        return [value.mode, value.size, _digest(value.tobytes() + bytes(value.getpalette() or ()))]
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, bytes):
        return _digest(value)
    if hasattr(value, "read"):  # from its beginning, as it is read as a picture
        value.seek(0)
        return _digest(value.read())
    if isinstance(value, np.ndarray):
        return [list(value.shape), value.dtype.str, _digest(value.tobytes())]
    if hasattr(value, "detach"):  # a tensor, told without importing torch
        return [list(value.shape), _digest(value.detach().float().cpu().contiguous().numpy().tobytes())]
    if hasattr(value, "state_dict"):  # a network
        return {name: stamp(tensor) for name, tensor in value.state_dict().items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: stamp(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return [type(value).__name__, fields]
    if isinstance(value, Mapping):
        return {str(key): stamp(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [stamp(item) for item in value]
    return value


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fingerprint(value: Any) -> str:
    """16 hexadecimal digits that differ where the :func:`stamp` of a value does.

    >>> fingerprint({"alpha": 1.0}) == fingerprint({"alpha": 0.5})
    False
    """
    text = json.dumps(stamp(value), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
