"""Values of options as what JSON can hold, pictures in memory included."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import io
import os
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from .errors import InputError

PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""Of Pillow, those that PNG holds as they are; TIFF holds the others."""


def dump(value: Any, name: str) -> Any:
    """A value as JSON has it; ``name`` is for messages.

    Pictures become PNG or TIFF, arrays NumPy's own format and tensors safetensors, all in base64; a dataclass of this
    package becomes its name and its fields. InputError, if it has no such form.
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
    if isinstance(value, bytes):
        return {"bytes": _text(value)}
    if hasattr(value, "read"):  # from its beginning, as it is read as a picture
        value.seek(0)
        return {"bytes": _text(value.read())}
    if hasattr(value, "tobitmap"):
        return {"picture": _text(_picture(value, name))}
    if hasattr(value, "detach"):
        from safetensors.torch import save

        return {"tensor": _text(save({"": value.detach().cpu().contiguous()}))}
    if hasattr(value, "__array__"):
        import numpy as np

        data, array = io.BytesIO(), np.asarray(value)
        if not array.dtype.hasobject:
            np.save(data, array, allow_pickle=False)
            return {"array": _text(data.getvalue())}
    cls = type(value)
    if dataclasses.is_dataclass(cls) and cls.__module__.startswith("adain."):
        fields = {field.name: dump(getattr(value, field.name), name) for field in dataclasses.fields(cls)}
        return {"class": f"{cls.__module__}.{cls.__qualname__}", **fields}
    raise InputError(f"{name} is a {cls.__name__} in memory, which cannot be written down: give a file")


def load(value: Any) -> Any:
    """What :func:`dump` gave; lists are tuples, paths texts and open files their bytes."""
    if isinstance(value, list):
        return tuple(load(each) for each in value)
    if not isinstance(value, dict):
        return value
    if "class" in value:
        return _instance(**{key: load(each) for key, each in value.items()})
    ((kind, text),) = value.items() if len(value) == 1 else (("", ""),)
    if kind == "bytes":
        return base64.b64decode(text)
    if kind == "picture":
        from PIL import Image

        picture = Image.open(io.BytesIO(base64.b64decode(text)))
        picture.load()
        return picture
    if kind == "tensor":
        from safetensors.torch import load as tensors

        return tensors(base64.b64decode(text))[""]
    if kind == "array":
        import numpy as np

        return np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)
    return {key: load(each) for key, each in value.items()}


def _picture(value: Any, name: str) -> bytes:
    data = io.BytesIO()
    try:
        # Its orientation, which Pillow would leave out, is part of the picture.
        value.save(data, format="PNG" if value.mode in PNG_MODES else "TIFF", exif=value.getexif())
    except (OSError, KeyError):
        raise InputError(f"{name} is a picture of mode {value.mode}, which no file holds: convert it to RGB") from None
    return data.getvalue()


def _instance(**fields: Any) -> Any:
    """A dataclass of this package by its name and its fields."""
    path = fields.pop("class")
    module, _, name = str(path).rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name) if module.startswith("adain.") else None
        if dataclasses.is_dataclass(cls):
            return cls(**fields)  # type: ignore[operator]
    except (ImportError, AttributeError, TypeError):
        pass
    raise InputError(f"these options hold a {path}, which this version does not know")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
