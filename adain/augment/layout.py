"""The file of a bank: safetensors, mapped into memory, so that opening it reads its header and nothing else."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from .._utils.errors import InputError, MissingFileError
from .._utils.files import atomic_path

FORMAT = "adain-bank-1"
"""What the metadata of a bank's file says it is."""

_TYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "U64": "<u8"}
ROWS = 4096
"""Styles that are looked at together: 13 MB of the fast model's."""

_MOST_HEADER = 1 << 20
_DAMAGED = "a bank's texts are damaged: make it anew"

Values = npt.NDArray[Any]


class Mapped(Mapping[str, Values]):
    """The tensors of a safetensors file by name, as arrays that are read from the disk where they are looked at.

    Attributes:
        metadata: texts by name.

    Raises:
        MissingFileError: on construction, if there is no such file.
        InputError: if it is damaged, or no bank.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        header, start, size = _header(path)
        self.metadata: Mapping[str, str] = header.pop("__metadata__")
        self._entries = header
        self._raw = np.memmap(path, np.uint8, "r")[start:] if size > start else np.empty(0, np.uint8)

    def __getitem__(self, name: str) -> Values:
        entry = self._entries[name]
        first, last = entry["data_offsets"]
        return self._raw[first:last].view(_TYPES[entry["dtype"]]).reshape(entry["shape"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def is_bank(path: Any) -> bool:
    """Whether something is the path of a bank's file; only its header is read."""
    try:
        _header(path)
    except (InputError, MissingFileError, TypeError):
        return False
    return True


def _header(path: str | os.PathLike[str]) -> tuple[dict[str, Any], int, int]:
    """The entries of a bank's file, where its tensors begin, and its size in bytes."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_MOST_HEADER, size - 8):
                raise ValueError("it does not begin as one")
            header: Any = json.loads(file.read(length))
        start = 8 + length
        metadata = header.get("__metadata__", {})
        if metadata.get("format") == FORMAT:
            _check_entries(header, size - start)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"cannot read {path}: there is no such file; check the path") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"cannot read {path}: it is damaged or no safetensors file ({error})") from None
    if metadata.get("format") != FORMAT:
        raise InputError(f"cannot read {path}: it holds no bank of styles; make one with adain bank build")
    return header, start, size


def _check_entries(header: Mapping[str, Any], size: int) -> None:
    """ValueError, if a tensor is of an unknown type or is not where it is said to be."""
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            shape = [int(side) for side in entry["shape"]]
            count = int(np.prod(shape, dtype=object)) if shape else 1
            needed = count * np.dtype(_TYPES[entry["dtype"]]).itemsize
            if min([0, *shape]) < 0 or not 0 <= first <= last <= size or last - first != needed:
                raise ValueError(f"{name} is cut short")


@dataclass(frozen=True)
class Stored:
    """A tensor to be written, which need not fit into memory.

    Attributes:
        shape, dtype: of the whole.
        parts: of it, in order, along the first axis.
    """

    shape: tuple[int, ...]
    dtype: npt.DTypeLike
    parts: Iterable[Values]

    @classmethod
    def of(cls, values: Values) -> Stored:
        return cls(values.shape, values.dtype, [values])


def write(path: str | os.PathLike[str], tensors: Mapping[str, Stored], metadata: Mapping[str, str]) -> None:
    """Write a bank's file, which appears complete or not at all; the same bytes for the same tensors."""
    kinds = {np.dtype(text): kind for kind, text in _TYPES.items()}
    # The widest first, so that each lies where its type wants to.
    ordered = sorted(tensors.items(), key=lambda item: (-np.dtype(item[1].dtype).itemsize, item[0]))
    header: dict[str, Any] = {"__metadata__": {"format": FORMAT, **metadata}}
    end = 0
    for name, stored in ordered:
        first, dtype = end, np.dtype(stored.dtype)
        end += int(np.prod(stored.shape, dtype=np.int64)) * dtype.itemsize
        header[name] = {"dtype": kinds[dtype], "shape": list(stored.shape), "data_offsets": [first, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    text += b" " * (-len(text) % 8)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, stored in ordered:
            for part in stored.parts:
                file.write(np.ascontiguousarray(part, stored.dtype).tobytes())


class Texts(Sequence[str]):
    """Texts in one stretch of bytes: none is read before it is asked for.

    Args:
        data: ``(bytes,)`` uint8, all of them in UTF-8, one after the other.
        ends: ``(N,)`` int64, where each ends.
        codes: ``(M,)`` int32, the number of each text of this sequence among those; None if it is those themselves.
    """

    def __init__(self, data: Values, ends: Values, codes: Values | None = None) -> None:
        self.data, self.ends, self.codes = data, ends, codes

    def __len__(self) -> int:
        return len(self.ends) if self.codes is None else len(self.codes)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        k = range(len(self))[index]
        if self.codes is None:
            return self._text(k)
        if not 0 <= (code := int(self.codes[k])) < len(self.ends):
            raise InputError(_DAMAGED)
        return self._text(code)

    def __iter__(self) -> Iterator[str]:
        if self.codes is not None:
            known, codes = list(self.distinct), self.codes.tolist()
            if codes and not 0 <= min(codes) <= max(codes) < len(known):
                raise InputError(_DAMAGED)
            return (known[code] for code in codes)
        data, ends = self.data.tobytes(), self.ends.tolist()
        return (data[first:last].decode(errors="replace") for first, last in itertools.pairwise([0, *ends]))

    def _text(self, k: int) -> str:
        first, last = int(self.ends[k - 1]) if k else 0, int(self.ends[k])
        return self.data[first:last].tobytes().decode(errors="replace")

    @property
    def distinct(self) -> Texts:
        """Each text that occurs, once."""
        return Texts(self.data, self.ends)

    @classmethod
    def read(cls, file: Mapped, name: str) -> Texts:
        """Those of a file, of that name."""
        return cls(file[f"{name}.text"], file[f"{name}.ends"], file.get(f"{name}.codes"))

    @staticmethod
    def stored(name: str, texts: Sequence[str], *, coded: bool = False) -> dict[str, Stored]:
        """The tensors that hold texts, each once if they are to be coded."""
        kept = sorted(set(texts)) if coded else texts
        data = [text.encode(errors="replace") for text in kept]
        ends = np.cumsum([len(each) for each in data], dtype=np.int64) if data else np.empty(0, np.int64)
        made = {f"{name}.text": Stored.of(np.frombuffer(b"".join(data), np.uint8)), f"{name}.ends": Stored.of(ends)}
        if coded:
            number = {text: k for k, text in enumerate(kept)}
            made[f"{name}.codes"] = Stored.of(np.array([number[text] for text in texts], np.int32))
        return made
