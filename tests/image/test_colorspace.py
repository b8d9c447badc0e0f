from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from adain.image.colorspace import (
    ADOBE,
    ADOBE_GAMMA,
    BT709,
    PRIMARIES,
    ROMM,
    Colorspace,
    power_light,
    romm_light,
    srgb_numbers,
    xyz_matrix,
)
from adain.image.hdr import pq_light
from tests.image.test_io import D50, icc

PURE = np.array([[200, 40, 40]], np.uint8)


def to_srgb(space: Colorspace | None) -> list[int]:
    assert space is not None
    return space.to_srgb(PURE)[0].tolist()  # type: ignore[no-any-return]


def near(levels: list[int]) -> object:
    return pytest.approx(levels, abs=1)


def test_primaries_and_curves() -> None:
    assert to_srgb(Colorspace.of_codes(12, 13)) == near([218, 0, 26])
    assert to_srgb(Colorspace.of_codes(9, 14)) == near([249, 0, 27])
    assert to_srgb(Colorspace.of_codes(1, 8)) == near([229, 110, 110])
    assert to_srgb(Colorspace(decode=power_light(1.8))) == near([210, 53, 53])
    assert Colorspace.of_codes(2, 2) is None
    assert Colorspace.of_codes(1, 13) == Colorspace()
    for codes in ((1, 13), (1, 1), (2, 1), (1, 2)):
        assert (space := Colorspace.of_codes(*codes)) is not None
        assert space.is_srgb


@pytest.mark.parametrize("code", PRIMARIES)
@pytest.mark.parametrize("transfer", [4, 8, 13, 16, 18])
def test_greys_stay_grey(code: int, transfer: int) -> None:
    """Whatever the white of the file is, it is white."""
    space = Colorspace.of_codes(code, transfer)
    assert space is not None
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    shown = space.to_srgb(greys).astype(int)
    assert np.ptp(shown, axis=1).max() <= 1
    assert (np.diff(shown[:, 1]) >= 0).all()
    assert shown[0].tolist() == [0, 0, 0]
    assert shown[-1] == pytest.approx([255] * 3, abs=1)


def test_xyz_is_that_of_srgb() -> None:
    # IEC 61966-2-1, Y of red, green and blue.
    assert xyz_matrix(BT709)[1] == pytest.approx([0.2126, 0.7152, 0.0722], abs=1e-4)


@pytest.mark.parametrize(("primaries", "gamma", "white"), [(ADOBE, ADOBE_GAMMA, (0.9505, 1, 1.0891)), (ROMM, 1.8, D50)])
def test_like_littlecms(primaries: tuple[float, ...], gamma: float, white: tuple[float, ...]) -> None:
    """The same as an ICC profile of these numbers gives."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = np.diag((bradford @ D50) / (bradford @ white))
    columns = (np.linalg.inv(bradford) @ scale @ bradford @ xyz_matrix(primaries)).T  # type: ignore[arg-type]
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(256 * gamma))
    tags = {b"%cTRC" % c: curve for c in b"rgb"}
    for c, column in zip(b"rgb", columns, strict=True):
        tags[b"%cXYZ" % c] = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * x) for x in column))
    random = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc(b"RGB ", tags)))
    args = (
        profile,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        "RGB",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    expected = ImageCms.ImageCmsTransform(*args, flags=ImageCms.Flags.NOOPTIMIZE).apply(Image.fromarray(random))
    found = Colorspace(primaries, power_light(gamma)).to_srgb(random)  # type: ignore[arg-type]
    assert np.abs(found.astype(int) - np.asarray(expected)).max() <= 1


def test_the_toe_of_romm() -> None:
    # ISO 22028-2: below 1/32 a line of slope 1/16, above the power of 1.8, which meet.
    assert romm_light(np.array([0, 1 / 64, 1 / 32 - 1e-9, 1 / 32])) == pytest.approx(
        [0, 1 / 1024, 1 / 512, 1 / 512], abs=1e-6
    )


def test_depths_agree() -> None:
    for space in (Colorspace.of_codes(9, 16), Colorspace.of_codes(9, 18), Colorspace.of_codes(12, 13)):
        assert space is not None
        levels = np.random.default_rng(1).integers(0, 256, (500, 3), dtype=np.uint8)
        wide = space.to_srgb(levels.astype(np.uint16) * 257)
        unit = space.to_srgb(levels.astype(np.float32) / 255)
        assert wide.dtype == np.uint16
        assert np.abs(wide / 257.0 - space.to_srgb(levels)).max() <= 0.6
        assert wide / 65535.0 == pytest.approx(unit, abs=2e-4)


def test_narrow_range() -> None:
    space = Colorspace.of_codes(1, 13, is_narrow=True)
    assert space is not None
    assert space.to_srgb(np.array([[16, 235, 126], [0, 255, 16]], np.uint8)).tolist() == [[0, 255, 128], [0, 255, 0]]
    assert space.to_srgb(np.array([[4096, 60160, 4096]], np.uint16)).tolist() == [[0, 65535, 0]]
    assert space.to_srgb(np.array([[16 / 255, 235 / 255, 0]])).tolist()[0] == pytest.approx([0, 1, 0], abs=1e-6)


def test_high_dynamic_range() -> None:
    # Levels of PQ and HLG in 16 bits; what is documented for them.
    pq = {203: 0.58068, 600: 0.69718, 1000: 0.75183, 4000: 0.90257, 10_000: 1.0}
    levels = np.array([[round(65535 * n)] * 3 for n in pq.values()], np.uint16)
    usual, told = Colorspace.of_codes(9, 16), Colorspace.of_codes(9, 16, brightest=1000)
    hlg = Colorspace.of_codes(9, 18)
    assert usual is not None and told is not None and hlg is not None  # noqa: PT018
    shown = (usual.to_srgb(levels)[:, 0] / 257).tolist()
    assert shown[0] == pytest.approx(208, abs=0.6)
    assert shown[0] < shown[1] < shown[2] < shown[3] == 255 == shown[4]
    assert shown[2] == pytest.approx(250, abs=0.6)
    assert (told.to_srgb(levels)[:, 0] / 257).tolist() == pytest.approx([229, 254, 255, 255, 255], abs=0.6)
    assert (hlg.to_srgb(np.full((1, 3), 49151, np.uint16))[0] / 257).tolist() == pytest.approx([229] * 3, abs=0.6)
    # Dark light is the same as that of a screen whose white has 203 cd/m².
    dark = float(srgb_numbers(pq_light(0.34) / 203))
    assert usual.to_srgb(np.full((1, 3), 0.34, np.float32))[0] == pytest.approx(dark, abs=1e-4)


def test_pictures_taller_than_a_band() -> None:
    image = Image.new("L", (3, 700), 100)
    space = Colorspace(decode=power_light(1.0))
    assert image.size == (found := space.converted(image)).size
    assert found.getcolors() == [(2100, (168, 168, 168))]
