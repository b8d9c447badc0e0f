from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.batch.plan import Found
from adain.batch.shards import expand_braces, find_shards, read_shard, samples, split
from tests.conftest import noise_image


def test_braces() -> None:
    assert [*expand_braces("a-{008..011}.tar")] == ["a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"]
    assert [*expand_braces("{2..0}{a,,b}")] == ["2a", "2", "2b", "1a", "1", "1b", "0a", "0", "0b"]
    assert [*expand_braces("{8..10}")] == ["8", "9", "10"]
    assert [*expand_braces("plain{}.tar")] == ["plain{}.tar"]
    with pytest.raises(InputError, match="more than 1000000 files"):
        [*expand_braces("{0..99999999999}.tar")]


@given(st.text("ab./_", max_size=12))
def test_keys_are_those_of_webdataset(name: str) -> None:
    """By its own rule, but for what it leaves out, names such as ``__meta__``, and for hidden files."""
    from webdataset.tariterators import base_plus_ext

    key, ending = base_plus_ext(name)
    is_meta = "/" not in name and name.startswith("__") and name.endswith("__")
    is_hidden = name.rpartition("/")[2].startswith(".")
    assert split(name) == (None if key is None or is_meta or is_hidden else (key, ending))


def members(*names: str) -> list[tarfile.TarInfo]:
    return [tarfile.TarInfo(name) for name in names]


def test_samples_are_members_in_a_row() -> None:
    runs = samples(iter(members("a.jpg", "a.cls", "b.jpg", "README", "b.cls", "a.txt")))
    assert [[info.name for _, info in run] for run in runs] == [
        ["a.jpg", "a.cls"], ["b.jpg", "README", "b.cls"], ["a.txt"]
    ]  # fmt: skip


def write(path: Path, names: list[str]) -> Found:
    with tarfile.open(path, "w") as file:
        for name in names:
            data = io.BytesIO()
            noise_image(8, 8).save(data, "PNG")
            info = tarfile.TarInfo(name)
            info.size = len(data.getvalue())
            file.addfile(info, io.BytesIO(data.getvalue()))
    return Found(path, Path("sub"))


def test_which_are_pictures(tmp_path: Path) -> None:
    found = write(tmp_path / "s.tar", ["x/1.JPG", "x/1.cls", "x/1.seg.png", "2.txt", "._3.jpg", "__a.jpg__"])
    pictures, others = read_shard(found)
    assert [(each.name, each.number, str(each.called)) for each in pictures] == [("x/1.JPG", 0, "0000000.jpg")]
    assert others == {"2"}
    assert pictures[0].drawn_as == "sub/s.tar/x/1"
    assert str(pictures[0]) == f"{tmp_path / 's.tar'}:x/1.JPG"
    with Image.open(pictures[0].opened()) as image:  # type: ignore[arg-type]
        assert image.size == (8, 8)
    assert [each.name for each in read_shard(found, "seg.png, .txt")[0]] == ["x/1.seg.png", "2.txt"]


def test_several_pictures_of_a_sample(tmp_path: Path) -> None:
    found = write(tmp_path / "s.tar", ["1.jpg", "1.png"])
    with pytest.raises(InputError, match=r"1.jpg is one of several pictures of its sample \(jpg, png\)"):
        read_shard(found)
    assert [each.name for each in read_shard(found, "jpg")[0]] == ["1.jpg"]
    assert len({each.drawn_as for each in read_shard(found, "jpg,png")[0]}) == 1


def test_shards_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file"):
        read_shard(Found(tmp_path / "none.tar"))
    (tmp_path / "text.tar").write_text("not a tar" * 200)
    with pytest.raises(ImageError, match="damaged or no tar file"):
        read_shard(Found(tmp_path / "text.tar"))
    whole = write(tmp_path / "s.tar", ["1.png"]).path.read_bytes()
    (tmp_path / "short.tar").write_bytes(whole[:600])
    with pytest.raises(ImageError, match="damaged or no tar file"):
        read_shard(Found(tmp_path / "short.tar"))
    data = bytearray(write(tmp_path / "s.tar", ["1.png", "2.png"]).path.read_bytes())
    place = data.index(b"2.png")
    data[place + 100] ^= 1  # tarfile itself would take that for the end
    (tmp_path / "damaged.tar").write_bytes(data)
    with pytest.raises(ImageError, match=rf"no header at byte {place}, where the next member should begin"):
        read_shard(Found(tmp_path / "damaged.tar"))
    (tmp_path / "open.tar").write_bytes(bytes(data).rstrip(b"\0"))
    with pytest.raises(ImageError, match="damaged"):
        read_shard(Found(tmp_path / "open.tar"))
    (tmp_path / "unclosed.tar").write_bytes(whole[: whole.index(b"IEND") // 512 * 512 + 512])
    assert len(read_shard(Found(tmp_path / "unclosed.tar"))[0]) == 1


def test_what_is_a_shard(tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    deep.mkdir()
    for path in (tmp_path / "b.tar", tmp_path / "a.TAR", deep / "c.tar"):
        path.touch()
    names = [tmp_path / "a.TAR", tmp_path / "b.tar"]
    assert find_shards([tmp_path]) == [Found(path) for path in names]
    assert find_shards([tmp_path], recursive=True)[-1] == Found(deep / "c.tar", Path("deep"))
    assert find_shards([f"{tmp_path}/{{b,c}}.tar"]) == [Found(tmp_path / "b.tar"), Found(tmp_path / "c.tar")]
    odd = tmp_path / "{1,2}.tar"
    odd.touch()
    assert find_shards([str(odd)]) == [Found(odd)]
    assert find_shards(["photo.jpg", object()]) == []
    with pytest.raises(InputError, match=r"photo.jpg is no shard and .*b.tar is one"):
        find_shards([tmp_path / "b.tar", "photo.jpg"])
    with pytest.raises(InputError, match="is compressed"):
        find_shards(["a.tar.gz"])
    packed = deep / "d.tar.gz"
    packed.touch()
    with pytest.raises(InputError, match=r"d\.tar\.gz is compressed"):
        find_shards([deep])
    packed.unlink()
    noise_image(8, 8).save(tmp_path / "x.png")  # then an archive beside it is only that
    assert find_shards([tmp_path]) == []
