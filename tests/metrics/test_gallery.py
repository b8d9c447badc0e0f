from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.image import center_crop_square, read_image, resize_shorter, to_tensor
from adain.metrics.gallery import HELD_BYTES, Gallery, Seen, expected_bytes, load_square, visiting
from adain.nn.pretrained import load_encoder
from tests.conftest import noise_image


@pytest.fixture
def gallery() -> Gallery:
    return Gallery(load_encoder(upto="relu2_1"), ("relu1_1", "relu2_1"), size=32)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{k}.png" for k in range(6)]
    for k, path in enumerate(paths):
        noise_image(44, 36, k).save(path)
    return paths


def bytes_of(seen: Seen) -> int:
    return sum(x.numel() * x.element_size() for x in (seen.pixels, *seen.features.values()))


def test_squares(pictures: list[Path]) -> None:
    cropped = load_square(pictures[0], 24)
    assert cropped.shape == (1, 3, 24, 24)
    expected = to_tensor(center_crop_square(resize_shorter(read_image(pictures[0]), 24)))
    assert torch.equal(cropped, expected)
    with pytest.raises(ImageError, match=r"122 x 100 pixels .*limit of 12000: ask for a smaller size,"):
        load_square(pictures[0], 100, max_pixels=12_000)
    assert load_square(pictures[0], 100, "stretch", max_pixels=12_000).shape == (1, 3, 100, 100)
    with pytest.raises(ImageError, match="100 x 100 pixels"):
        load_square(pictures[0], 100, "stretch", max_pixels=9_999)
    stretched = load_square(pictures[0], 24, "stretch")
    assert stretched.shape == (1, 3, 24, 24)
    assert not torch.equal(stretched, cropped)


def test_features_are_those_of_the_encoder(gallery: Gallery, pictures: list[Path]) -> None:
    seen = gallery.look(pictures[0])
    assert seen.shape == (36, 44)
    expected = gallery.encoder(load_square(pictures[0], 32), ("relu1_1", "relu2_1"))
    for layer, features in expected.items():
        torch.testing.assert_close(seen.features[layer], features, rtol=1e-4, atol=1e-4)
    assert bytes_of(seen) == 4 * (3 * 32 * 32 + 64 * 32 * 32 + 128 * 16 * 16)


@pytest.mark.parametrize("layers", [("relu1_1",), ("relu1_1", "relu2_1"), ("relu2_1",)])
@pytest.mark.parametrize("size", [32, 37])
def test_room_is_reckoned_from_what_pictures_take(layers: tuple[str, ...], size: int, pictures: list[Path]) -> None:
    gallery = Gallery(load_encoder(upto=layers[-1]), layers, size=size)
    assert bytes_of(gallery.look(pictures[0])) == expected_bytes(layers, size)
    assert gallery.room == HELD_BYTES // expected_bytes(layers, size)


def test_what_is_held_is_encoded_once(gallery: Gallery, pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    original = gallery.read
    monkeypatch.setattr(gallery, "read", lambda path: read.append(path) or original(path))  # type: ignore[func-returns-value]
    gallery.room = 3
    a, b, c, d, *_ = pictures
    for path in (a, b, c, a, d, a, c):  # b is the one that was not asked for longest
        gallery.look(path)
    assert read == [a, b, c, d]
    gallery.look(b)
    assert read == [a, b, c, d, b]


def test_visiting_encodes_little_twice(gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [(c, s) for c in range(6) for s in range(7)]
    paths = {f"{kind}{k}": tmp_path / f"{kind}{k}.png" for kind in "cs" for k in range(7)}
    for k, path in enumerate(paths.values()):
        noise_image(32, 32, k).save(path)
    read: list[Path] = []
    original = gallery.read
    monkeypatch.setattr(gallery, "read", lambda path: read.append(path) or original(path))  # type: ignore[func-returns-value]
    gallery.room = 6
    order = visiting(names, gallery.block)
    assert sorted(order) == list(range(len(names)))
    for k in order:
        gallery.look(paths[f"c{names[k][0]}"])
        gallery.look(paths[f"s{names[k][1]}"])
    # Every style once, and every content once for each block of four styles.
    assert len(read) == 7 + 2 * 6
    assert len({path for path in read if path.name.startswith("s")}) == 7


def test_a_broken_picture_is_tried_once(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "later.png"
    with pytest.raises(MissingFileError):
        gallery.look(path)
    noise_image(32, 32).save(path)
    with pytest.raises(MissingFileError):
        gallery.look(path)


def test_outputs_of_another_shape(gallery: Gallery, tmp_path: Path) -> None:
    sizes = {"content": (160, 120), "rounded": (160, 128), "square": (96, 96), "small": (80, 60), "turned": (120, 160)}
    seen = {}
    for name, size in sizes.items():
        noise_image(*size).save(tmp_path / f"{name}.png")
        seen[name] = gallery.read(tmp_path / f"{name}.png")
    for name in ("rounded", "square", "small"):
        gallery.check_fits(seen[name], seen["content"], Path(name))
    with pytest.raises(InputError, match="turned is 120x160 px, which is not the shape of its content"):
        gallery.check_fits(seen["turned"], seen["content"], Path("turned"))
    gallery.fit = "stretch"
    gallery.check_fits(seen["turned"], seen["content"], Path("turned"))


def test_room_for_three_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adain.metrics.gallery.HELD_BYTES", 1)
    gallery = Gallery(load_encoder(upto="relu1_1"), ("relu1_1",), size=32)
    assert (gallery.room, gallery.block) == (3, 1)
