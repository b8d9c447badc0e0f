"""Values of options as what JSON can hold, pictures in memory included."""

from __future__ import annotations

import base64
import dataclasses
import io
import os
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from .errors import InputError


def dump(value: Any, name: str) -> Any:
    """A value as JSON has it; ``name`` is for messages.

    Pictures become PNG, arrays and tensors NumPy's own format, both in base64; a dataclass the mapping of its fields.

    Raises:
        InputError: if it has no such form.
    """
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [dump(each, name) for each in value]
    if isinstance(value, Mapping):
        return {str(key): dump(each, name) for key, each in value.items()}
    if hasattr(value, "getvalue") and hasattr(value, "read"):
        return {"bytes": _text(value.getvalue())}
    if hasattr(value, "tobitmap"):  # a picture of Pillow
        data = io.BytesIO()
        value.save(data, format="PNG")
        return {"png": _text(data.getvalue())}
    if hasattr(value, "__array__"):
        import numpy as np

        array = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
        data = io.BytesIO()
        np.save(data, array, allow_pickle=False)
        return {"npy": _text(data.getvalue())}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if all(each is None or isinstance(each, (str, int, float, bool, os.PathLike)) for each in fields.values()):
            return {own: dump(each, name) for own, each in fields.items()}
    raise InputError(f"{name} is a {type(value).__name__} in memory, which cannot be written down: give a file")


def load(value: Any) -> Any:
    """What :func:`dump` gave: lists are tuples, tensors are arrays, a dataclass stays the mapping of its fields."""
    if isinstance(value, list):
        return tuple(load(each) for each in value)
    if isinstance(value, dict) and len(value) == 1:
        ((kind, text),) = value.items()
        if kind == "bytes":
            return io.BytesIO(base64.b64decode(text))
        if kind == "png":
            from PIL import Image

            picture = Image.open(io.BytesIO(base64.b64decode(text)))
            picture.load()
            return picture
        if kind == "npy":
            import numpy as np

            return np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)
    return value


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
