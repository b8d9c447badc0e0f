from __future__ import annotations

import io
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adain._utils.fingerprint import fingerprint
from adain.control.color import ColorPreservation
from adain.control.regions import Ramp
from adain.control.style import Style


def coloured(image: Image.Image) -> Image.Image:
    """The same numbers with other colours."""
    image.putpalette([9, 9, 9])
    return image


def test_values() -> None:
    values = [
        1.0,
        0.5,
        None,
        "a",
        [1, 2],
        [2, 1],
        {"a": 1},
        {"a": 2},
        torch.zeros(1, 2),
        torch.zeros(2, 1),
        torch.ones(1, 2),
        np.zeros((1, 2)),
        np.zeros((2, 1)),
        np.zeros((2, 1), np.uint8),
        io.BytesIO(b"1"),
        io.BytesIO(b"2"),
        b"3",
        Image.new("L", (2, 1)),
        Image.new("L", (1, 2)),
        Image.new("L", (1, 2), 1),
        ColorPreservation("luminance"),
        ColorPreservation("luminance", strength=0.5),
        Ramp("horizontal"),
        Ramp("radial"),
        torch.nn.Linear(1, 1),
        Style(torch.zeros(1), torch.ones(1), "a"),
        Style(torch.zeros(1), torch.ones(1), "b"),
        Fraction(1, 3),
        Fraction(2, 3),
        np.zeros(2),
        np.zeros(2, np.float32),
        Image.new("P", (2, 1)),
        coloured(Image.new("P", (2, 1))),
    ]
    assert len({fingerprint(value) for value in values}) == len(values)
    file = io.BytesIO(b"1")
    assert fingerprint(file) == fingerprint(file) == fingerprint(io.BytesIO(b"1"))
    assert fingerprint({"a": 1, "b": (2, 3)}) == fingerprint({"b": [2, 3], "a": 1})


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    missing = fingerprint(path)
    path.write_bytes(b"123")
    first = fingerprint(path)
    assert first != missing
    status = path.stat()
    path.write_bytes(b"1234")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fingerprint(path) != first  # by its size
    path.write_bytes(b"321")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**6))
    assert fingerprint(path) != first  # by its time
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fingerprint(path) == first
    (tmp_path / "moved").mkdir()
    assert fingerprint(path.rename(tmp_path / "moved" / "a.png")) == first


def test_what_cannot_be_stamped_is_refused() -> None:
    with pytest.raises(TypeError):
        fingerprint(object())
