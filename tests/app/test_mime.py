from __future__ import annotations

from adain.app.mime import mime_of
from adain.image import WRITABLE


def test_kinds_of_results() -> None:
    assert {mime_of(f"a{suffix}") for suffix in WRITABLE} == {
        f"image/{kind}" for kind in ("jpeg", "png", "webp", "tiff")
    }
    assert mime_of("Photo_stylized_x.TIF") == "image/tiff"
