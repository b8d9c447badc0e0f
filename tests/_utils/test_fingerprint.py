from __future__ import annotations

import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adain._utils.fingerprint import fingerprint
from adain.batch.options import FolderOptions
from adain.control.color import ColorPreservation
from adain.control.regions import Ramp, Region, Regions
from adain.control.style import Style
from adain.refinement.options import RefineOptions
from adain.refinement.recipe import load_recipe
from adain.video.options import Key
from tests.conftest import python


def coloured(image: Image.Image) -> Image.Image:
    """The same numbers with other colours."""
    image.putpalette([9, 9, 9])
    return image


def about(image: Image.Image, **info: object) -> Image.Image:
    """The same numbers to be read in another way."""
    image.info |= info
    return image


def turned(image: Image.Image) -> Image.Image:
    image.getexif()[0x0112] = 6
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
        about(Image.new("L", (1, 2)), icc_profile=b"p"),
        about(Image.new("L", (1, 2)), transparency=0),
        turned(Image.new("L", (1, 2))),
        torch.zeros(2, 1, dtype=torch.uint8)[:, 0],
        torch.zeros(3, dtype=torch.bfloat16),
        Key(1.0, Style(torch.zeros(1), torch.ones(1))),
        Key(1.0, Style(torch.zeros(1), torch.full((1,), 2.0))),
        Key(1.0, Style(torch.zeros(1), torch.ones(1)), percent=True),
        Key(1.0, Image.new("L", (1, 2))),
        Regions([Region(Style(torch.zeros(1), torch.ones(1)), Ramp())]),
        Regions([Region(Style(torch.zeros(1), torch.ones(1)), np.ones((2, 2)))]),
        load_recipe("gatys2016"),
        load_recipe("gatys2016").change(losses={"gram": 2.0}),
    ]
    assert len({fingerprint(value) for value in values}) == len(values)
    file = io.BytesIO(b"1")
    assert fingerprint(file) == fingerprint(file) == fingerprint(io.BytesIO(b"1"))
    assert fingerprint({"a": 1, "b": (2, 3)}) == fingerprint({"b": [2, 3], "a": 1})


def test_the_same_by_other_means(tmp_path: Path) -> None:
    """What gives the same picture is stamped alike, where that can be seen."""
    assert fingerprint(np.float32(0.5)) == fingerprint(torch.tensor(0.5)) == fingerprint(0.5)
    assert fingerprint(torch.zeros(2)) == fingerprint(np.zeros(2, np.float32))
    assert fingerprint(Style(torch.zeros(1), torch.ones(1))) == fingerprint(
        Style(np.zeros(1, np.float32), np.ones(1, np.float32))  # type: ignore[arg-type]
    )
    strided = np.arange(12.0).reshape(3, 4).T
    assert fingerprint(strided) == fingerprint(strided.copy())
    leaf = torch.zeros(2, requires_grad=True)
    assert fingerprint(leaf) == fingerprint(leaf.detach())
    path = tmp_path / "a"
    path.write_bytes(b"123")
    with path.open("rb") as file:
        file.read(1)
        assert fingerprint(file) == fingerprint(io.BytesIO(b"123")) == fingerprint(b"123")
        assert file.tell() == 1


def test_all_that_options_hold(tmp_path: Path) -> None:
    """Each decisive option of each class, changed, changes the fingerprint; the others do not."""
    from adain.video.options import VideoOptions

    picture, tensor = Image.new("L", (2, 2), 3), torch.rand(1, 1, 4, 4)
    changes: dict[str, Any] = {
        "alpha": (0.5, 0.25), "weights": [1, 2], "masks": [picture, tensor], "style_masks": [None, io.BytesIO(b"1")],
        "label_map": np.eye(3), "background": Style(torch.zeros(1), torch.ones(1)), "gradient": Ramp("radial"),
        "color": ["linear", ColorPreservation("luminance"), None], "labels": ["1", "2"],
        "recipe": {"losses": {"gram": {"weight": 1}}}, "settings": {"lr": 0.1}, "start": tensor,
    }  # fmt: skip
    for cls in (FolderOptions, RefineOptions, VideoOptions):
        first = fingerprint(cls().decisive())
        declared = cls.declared()
        for name in changes.keys() & declared.keys():
            assert declared[name].is_decisive
            once, again = (fingerprint(cls(**{name: changes[name]}).decisive()) for _ in range(2))
            assert first != once == again, name
        assert fingerprint(cls(device="cpu", max_pixels=9).decisive()) == first
    path = tmp_path / "mask.png"
    path.write_bytes(b"1")
    before = fingerprint(FolderOptions(masks=[str(path)]).decisive())
    assert before == fingerprint(FolderOptions(masks=[path]).decisive())
    path.write_bytes(b"12")
    assert before != fingerprint(FolderOptions(masks=[str(path)]).decisive())


def test_needs_no_torch() -> None:
    code = "import json, sys; import adain._utils.fingerprint; print(json.dumps({'torch': 'torch' in sys.modules}))"
    assert python(code) == {"torch": False}


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
