from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.image.inputs import input_name, load_pixels
from tests.conftest import noise_image


def test_files_pictures_and_tensors_are_the_same(photo: Path) -> None:
    picture = noise_image(70, 45, 1)
    from_file, opacity = load_pixels(photo)
    from_picture, _ = load_pixels(picture)
    from_tensor, nothing = load_pixels(from_file.clone())
    assert opacity is None
    assert nothing is None
    assert from_file.shape == (1, 3, 45, 70)
    assert from_file.dtype == torch.float32
    assert from_file.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(from_file, from_picture)
    assert torch.equal(from_file, from_tensor)
    assert 0.0 <= float(from_file.min()) < float(from_file.max()) <= 1.0


@pytest.mark.parametrize(("size", "crop", "shape"), [(0, False, (45, 70)), (30, False, (30, 47)), (30, True, (30, 30))])
def test_sizes(photo: Path, size: int, crop: bool, shape: tuple[int, int]) -> None:
    for source in (photo, load_pixels(photo)[0]):
        assert load_pixels(source, size=size, crop=crop)[0].shape[2:] == shape


def test_alpha_goes_along(tmp_path: Path) -> None:
    picture = noise_image(40, 30)
    picture.putalpha(noise_image(40, 30, 3, "L"))
    picture.save(tmp_path / "a.png")
    pixels, opacity = load_pixels(tmp_path / "a.png", size=20, crop=True)
    assert pixels.shape == (1, 3, 20, 20)
    assert opacity is not None
    assert opacity.size == (20, 20)
    assert opacity.mode == "L"


def test_batches_and_precision() -> None:
    batch = torch.rand(3, 3, 20, 24, dtype=torch.float64, requires_grad=True)
    pixels, _ = load_pixels(batch)
    assert pixels.shape == (3, 3, 20, 24)
    assert pixels.dtype == torch.float32
    assert pixels.requires_grad


def test_errors(tmp_path: Path, photo: Path) -> None:
    noise_image(40, 15).save(tmp_path / "flat.png")
    with pytest.raises(ImageError, match=r"flat\.png is 40x15 px: at least 16 px a side are needed, enlarge it"):
        load_pixels(tmp_path / "flat.png")
    assert load_pixels(tmp_path / "flat.png", size=20)[0].shape[2:] == (20, 53)
    with pytest.raises(ImageError, match="the image is 8x9 px"):
        load_pixels(torch.rand(1, 3, 9, 8))
    with pytest.raises(ImageError, match=r"must be \(B, 3, H, W\)"):
        load_pixels(torch.rand(3, 20, 20))
    with pytest.raises(ImageError, match="divide by 255"):
        load_pixels(torch.zeros(1, 3, 20, 20, dtype=torch.uint8))
    with pytest.raises(InputError, match="0 \\(keep\\) or more"):
        load_pixels(torch.rand(1, 3, 20, 20), size=-1)
    with pytest.raises(MissingFileError):
        load_pixels(tmp_path / "none.png")
    with pytest.raises(ImageError, match=r"photo\.png"):
        load_pixels(photo, max_pixels=100)


def test_names(photo: Path) -> None:
    from PIL import Image

    with Image.open(photo) as opened:
        assert input_name(opened) == "photo.png"
    assert input_name(photo) == input_name(str(photo)) == "photo.png"
    assert input_name(noise_image(8, 8)) == ""
    assert input_name(torch.rand(1, 3, 8, 8)) == ""
