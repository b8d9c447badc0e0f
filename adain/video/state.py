"""What a job remembers, as a file: nested lists and dicts of numbers, texts and arrays, as safetensors."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

State = dict[str, Any]
"""Arrays, numbers, texts, lists and dicts only, so that no code is run by reading them."""

_ARRAY = "$array"  # the only key of what stands in the place of an array


def pack(state: State) -> bytes:
    """A state as the bytes of a file."""
    from safetensors.numpy import save

    arrays: dict[str, npt.NDArray[Any]] = {}

    def name(value: object) -> dict[str, str]:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"a state holds no {type(value).__name__}")
        arrays[str(len(arrays))] = np.asarray(value, order="C")
        return {_ARRAY: str(len(arrays) - 1)}

    tree = json.dumps(state, default=name)
    return bytes(save(arrays, metadata={"tree": tree, "sum": _sum(arrays.values())}))


def unpack(path: Path) -> State:
    """The state in a file; for each way in which that may be damaged, some exception of whoever finds it."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if _sum(arrays[str(k)] for k in range(len(arrays))) != metadata["sum"]:
        raise ValueError("checksum")  # as where a computer that lost its power had not written all of it
    found = json.loads(metadata["tree"], object_hook=lambda x: arrays[x[_ARRAY]] if x.keys() == {_ARRAY} else x)
    return dict(found)


def _sum(arrays: Iterable[npt.NDArray[Any]]) -> str:
    total = 0
    for array in arrays:
        total = zlib.crc32(array.tobytes(), total)
    return str(total)
