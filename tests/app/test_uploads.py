from __future__ import annotations

import errno
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adain import Style
from adain._utils.errors import InputError
from adain.app.errors import Forgotten, NoRoom, Refusal, TooLarge, TooMany
from adain.app.held import Held
from adain.app.options import AppOptions
from adain.app.uploads import AppPictures


def make(folder: Path, **options: Any) -> AppPictures:
    site: Any = SimpleNamespace(options=AppOptions(**options), folder=folder, held=Held(2**24))
    return AppPictures(site)


@pytest.fixture
def pictures(tmp_path: Path) -> AppPictures:
    return make(tmp_path / "own", max_upload=1, keep=1)


def encoded(size: tuple[int, int] = (40, 30), kind: str = "PNG", mode: str = "RGB", seed: int = 0, **how: Any) -> bytes:
    data, rng = io.BytesIO(), np.random.default_rng(seed)
    bands = len(Image.new(mode, (1, 1)).getbands())
    values = rng.integers(0, 256, (size[1], size[0], bands) if bands > 1 else (size[1], size[0]), np.uint8)
    Image.fromarray(values, mode).save(data, kind, **how)
    return data.getvalue()


def files(pictures: AppPictures) -> list[str]:
    return sorted(path.name for path in pictures.folder.rglob("*"))


def test_an_upload_is_a_file_that_is_called_as_its_user_calls_it(pictures: AppPictures) -> None:
    data = encoded(kind="JPEG")
    upload = pictures.add("content", data, "C:\\photos\\harbour.jpg")
    assert (upload.name, upload.path.name, upload.width, upload.height) == ("harbour.jpg", "harbour.jpg", 40, 30)
    assert (upload.source, upload.has_alpha, upload.mime) == ("upload", False, "image/jpeg")
    assert upload.path.read_bytes() == data
    assert pictures.content(upload.id) == upload


def test_sides_are_those_of_the_upright_picture(pictures: AppPictures) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upload = pictures.add("content", encoded((40, 30), "JPEG", exif=exif), "a.jpg")
    assert (upload.width, upload.height) == (30, 40)
    assert pictures.pixels(upload).size == (30, 40)


def test_the_same_file_again_keeps_its_id_and_takes_no_room(pictures: AppPictures) -> None:
    first = pictures.add("mask", encoded(mode="L"), "mask.png")
    used, there = pictures._files.used, files(pictures)
    assert pictures.add("mask", encoded(mode="L"), "mask.png").id == first.id
    assert (pictures._files.used, files(pictures)) == (used, there)
    others = {
        pictures.add("mask", encoded(mode="L"), "other.png").id,
        pictures.add("content", encoded(mode="L"), "mask.png").id,
        pictures.add("mask", encoded(mode="L", seed=1), "mask.png").id,
    }
    assert len(others | {first.id}) == 4


def test_it_has_another_id_after_it_was_deleted(pictures: AppPictures) -> None:
    first = pictures.add("content", encoded(), "a.png")
    pictures.delete("content", first.id)
    assert files(pictures) == []
    assert not pictures._known
    with pytest.raises(Forgotten, match=r"no photograph .* upload it to /contents"):
        pictures.content(first.id)
    assert pictures.add("content", encoded(), "a.png").id != first.id


def test_those_that_were_not_used_for_long_are_forgotten(pictures: AppPictures) -> None:
    kept = pictures.add("content", encoded(), "kept.png")
    ids = []
    for seed in range(8):  # 0.75 MB each, of 4
        ids.append(pictures.add("mask", encoded((512, 512), mode="RGB", seed=seed), "mask.png").id)
        pictures.content(kept.id)
    assert pictures._files.used <= pictures.most_bytes == 4 * 2**20
    with pytest.raises(Forgotten):
        pictures.mask(ids[0])
    assert pictures.mask(ids[-1])
    assert len(list(pictures.folder.iterdir())) == len(pictures._files)


def test_what_is_in_use_is_not_forgotten(pictures: AppPictures) -> None:
    uploads = [pictures.add("mask", encoded((512, 512), seed=seed), "mask.png") for seed in range(4)]
    with pictures.pinned(*uploads):
        pictures.add("mask", encoded(), "small.png")
        with pytest.raises(TooMany):
            pictures.add("mask", encoded((512, 512), seed=4), "mask.png")
        pictures.delete("mask", uploads[0].id)
        with pytest.raises(Forgotten):
            pictures.mask(uploads[0].id)
        assert all(each.path.is_file() for each in uploads)
    assert not uploads[0].path.parent.exists()
    with pytest.raises(Forgotten), pictures.pinned(uploads[0]):
        pass


def test_what_comes_in_counts_before_it_is_there(pictures: AppPictures) -> None:
    pictures.add("content", encoded((512, 512)), "a.png")
    with pictures.incoming() as one, pictures.incoming() as two, pictures.incoming() as three:
        for each in (one, two, three):
            each.write(bytes(2**20))
        with pictures.incoming() as fourth, pictures.incoming() as fifth:
            fourth.write(bytes(2**20))  # for which the picture goes
            with pytest.raises(TooMany):
                fifth.write(b"1")
    assert (pictures._files.used, files(pictures)) == (0, [])


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(pictures: AppPictures) -> None:
    with pictures.incoming() as incoming:
        for _ in range(4):
            incoming.write(bytes(2**18))
        with pytest.raises(TooLarge, match="at most 1 MB"):
            incoming.write(b"1")
    with pictures.incoming() as incoming, pytest.raises(TooLarge):
        incoming.expect(2**20 + 1)
    assert (pictures._files.used, files(pictures)) == (0, [])


@pytest.mark.parametrize("kind", ["content", "style", "mask"])
@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        (b"", "a.png", "nothing was sent"),
        (b"<svg/>", "a.svg", r"cannot read a\.svg: it is not an image"),
        (encoded()[:200], "a.png", r"cannot read a\.png: "),
        (b"{" * 100, "x.safetensors", r"x\.safetensors"),
    ],
    ids=["empty", "svg", "cut-off", "no-style"],
)
def test_what_cannot_be_read_is_one_line_and_leaves_nothing(
    pictures: AppPictures, kind: Any, data: bytes, name: str, told: str
) -> None:
    with pytest.raises((InputError, Refusal), match=told) as caught:
        pictures.add(kind, data, name)
    assert str(pictures.folder) not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (pictures._files.used, files(pictures)) == (0, [])


def test_a_full_disk_is_told_and_leaves_nothing(pictures: AppPictures, monkeypatch: pytest.MonkeyPatch) -> None:
    with pictures.incoming() as incoming:

        def write(data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device", str(incoming.path))

        monkeypatch.setattr(incoming, "_file", SimpleNamespace(write=write, close=incoming._file.close))
        with pytest.raises(NoRoom, match=r"^the disk of the server is full: free some space$"):
            incoming.write(b"x")
    assert (pictures._files.used, files(pictures)) == (0, [])


def test_too_many_pixels_are_refused_by_the_header(tmp_path: Path) -> None:
    pictures = make(tmp_path, max_pixels=1000)
    for kind in ("content", "style", "mask"):
        with pytest.raises(InputError, match=r"a\.png: 40 x 30 pixels is over the limit of 1000"):
            pictures.add(kind, encoded(), "a.png")  # type: ignore[arg-type]


def test_a_picture_ends_as_pictures_do(pictures: AppPictures) -> None:
    assert pictures.add("content", encoded(), "shards.tar").name == "shards.tar.png"
    assert pictures.add("content", encoded(kind="TIFF"), "blob").name == "blob.tif"
    assert pictures.add("style", encoded(), "a.safetensors").name == "a.safetensors.png"
    assert pictures.add("content", encoded(kind="GIF", mode="L"), "photo.jpeg").name == "photo.jpeg"


@pytest.fixture
def style(tmp_path: Path) -> bytes:
    rng = np.random.default_rng(0)
    values = rng.random((1, 384, 1, 1), np.float32)
    return Style(values, values + 0.1, "wave").save(tmp_path / "wave.style.safetensors").read_bytes()


def test_the_file_of_a_style_is_an_artwork(pictures: AppPictures, style: bytes) -> None:
    upload = pictures.add("style", style, "wave.style.safetensors")
    assert (upload.name, upload.width, upload.is_picture) == ("wave.style.safetensors", 0, False)
    assert Style.load(upload.path).channels == 384
    assert pictures.add("style", style, "wave").name == "wave.safetensors"
    for kind in ("content", "mask"):
        with pytest.raises(InputError, match=r"is a saved style, where a .* is needed: upload it to /styles"):
            pictures.add(kind, style, "wave.style.safetensors")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"cannot read wave\.safetensors"):
        pictures.add("style", style[:-8], "wave.safetensors")


def test_one_kind_is_not_taken_for_another(pictures: AppPictures) -> None:
    mask = pictures.add("mask", encoded(mode="L"), "mask.png")
    with pytest.raises(InputError, match=r"mask\.png is a mask, where a photograph is needed: upload it to /contents"):
        pictures.content(mask.id)
    with pytest.raises(InputError, match="a mask, where an artwork"):
        pictures.delete("style", mask.id)
    assert pictures.mask(mask.id)


def test_an_unknown_id_is_shown_shortened(pictures: AppPictures) -> None:
    with pytest.raises(Forgotten) as caught:
        pictures.style("x" * 10_000)
    assert len(str(caught.value)) < 150


def test_pixels_are_decoded_once_and_go_with_the_picture(pictures: AppPictures) -> None:
    upload = pictures.add("content", encoded(mode="RGBA"), "a.png")
    assert upload.has_alpha
    first = pictures.pixels(upload)
    assert first.mode == "RGBA"
    assert pictures.pixels(upload) is first
    pictures.delete("content", upload.id)
    assert pictures.held.used == 0
    with pytest.raises(Forgotten):
        pictures.pixels(upload)


def test_artworks_of_the_gallery_stay(pictures: AppPictures) -> None:
    known = pictures.style("gallery-great-wave")
    assert (known.source, known.name, known.author) == ("gallery", "great-wave", "Katsushika Hokusai (d.1849)")
    assert known.path.is_file()
    with pytest.raises(InputError, match="only uploads can be deleted"):
        pictures.delete("style", known.id)
    assert pictures.styles()[0]["source"] == "gallery"
    uploaded = pictures.add("style", encoded(), "own.png")
    assert pictures.styles()[-1] == {
        "id": uploaded.id, "name": "own.png", "title": "own.png", "author": "", "source": "upload"
    }  # fmt: skip
