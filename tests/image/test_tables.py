"""Tables of pictures, found and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from adain._utils.errors import InputError
from adain.image import tables
from tests.batch.ray.conftest import write_table


def test_columns_are_found(tmp_path: Path) -> None:
    plain = write_table(tmp_path / "a.parquet", {"id": [7], "bytes": [b"x"], "other": [b"y"]})
    assert tables.columns(plain) == tables.Columns("bytes", "id", False)
    assert tables.columns(plain, image="other", name="bytes") == tables.Columns("other", "bytes", False)
    nested = write_table(tmp_path / "b.parquet", {"image": [{"bytes": b"x", "path": "a.png"}]})
    assert tables.columns(nested) == tables.Columns("image", "image.path", True, True)
    assert tables.columns(write_table(tmp_path / "c.parquet", {"img": [b"x"]})).name is None


@pytest.mark.parametrize(
    ("columns", "asked", "message"),
    [
        ({"picture": [b"x"]}, {}, "no column of images: choose one of picture"),
        ({"image": [b"x"]}, {"image": "img"}, "no column img"),
        ({"image": [b"x"]}, {"name": "title"}, "no column title"),
        ({"image": ["text"]}, {}, "not the bytes of image files"),
        ({"image": [{"path": "a.png"}]}, {}, "not the bytes of image files"),
    ],
)
def test_columns_that_will_not_do(
    tmp_path: Path, columns: dict[str, list[object]], asked: dict[str, str], message: str
) -> None:
    path = write_table(tmp_path / "a.parquet", columns)
    with pytest.raises(InputError, match=message):
        tables.columns(path, **asked)


def test_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="intact parquet file"):
        tables.columns(path)


@pytest.mark.parametrize("nested", [False, True])
def test_names_and_images(tmp_path: Path, nested: bool) -> None:
    data = [bytes([k]) * 3 for k in range(5)]
    data[3] = None  # type: ignore[call-overload]
    if nested:
        structs = [None if d is None else {"bytes": d, "path": f"n{k}"} for k, d in enumerate(data)]
        path = write_table(tmp_path / "a.parquet", {"image": structs}, group=2)
    else:
        path = write_table(tmp_path / "a.parquet", {"image": data, "name": [f"n{k}" for k in range(5)]}, group=2)
    columns = tables.columns(path)
    named = list(tables.names(path, columns))
    assert [(group, row) for group, row, _ in named] == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)]
    assert [name for *_, name in named] == ["n0", "n1", "n2", None if nested else "n3", "n4"]
    assert list(tables.images(path, columns, 1, [2, 3])) == [data[2], None]
    assert list(tables.images(path, columns, 1, [3])) == [None]
    assert list(tables.images(path, columns, 2, [4])) == [data[4]]


def test_rows_that_name_a_file(tmp_path: Path) -> None:
    """As Hugging Face writes what it does not embed; a table with nothing else has no type for the bytes."""
    rows = [{"bytes": None, "path": "a.png"}, {"bytes": b"x", "path": "b.png"}, None, {"bytes": None, "path": None}]
    path = write_table(tmp_path / "a.parquet", {"image": rows}, group=3)
    columns = tables.columns(path)
    assert list(tables.links(path, columns)) == ["a.png", "b.png", None, None]
    assert list(tables.images(path, columns, 0, [0, 1, 2])) == ["a.png", b"x", None]
    assert list(tables.images(path, columns, 1, [3])) == [None]
    path = write_table(tmp_path / "b.parquet", {"image": [{"bytes": None, "path": f"{k}.png"} for k in range(3)]})
    columns = tables.columns(path)
    assert columns == tables.Columns("image", "image.path", True, True)
    assert list(tables.images(path, columns, 0, [0, 2])) == ["0.png", "2.png"]
    plain = write_table(tmp_path / "c.parquet", {"image": [b"x", b"y"]})
    assert list(tables.links(plain, tables.columns(plain))) == [None, None]


def test_rows_far_into_a_row_group(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", {"image": [str(k).encode() for k in range(300)]}, group=200)
    columns = tables.columns(path)
    assert list(tables.images(path, columns, 0, [0, 63, 64, 199])) == [b"0", b"63", b"64", b"199"]
    assert list(tables.images(path, columns, 1, [200, 299])) == [b"200", b"299"]
