from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.video.resume import WorkFolder
from adain.video.state import pack, unpack

ARRAYS = st.tuples(st.sampled_from([np.float32, np.int64, np.uint8]), st.lists(st.integers(0, 3), max_size=4)).map(
    lambda how: np.arange(np.prod(how[1]), dtype=how[0]).reshape(how[1])
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | ARRAYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_what_is_packed_comes_out(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "state.safetensors"
    path.write_bytes(pack(state))
    assert same(unpack(path), state)


def test_arrays_of_any_layout_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    turned = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)[::2]
    path.write_bytes(pack({"pair": (turned, 1)}))
    found = unpack(path)["pair"]
    assert np.array_equal(found[0], turned)
    assert found[0].flags.writeable
    with pytest.raises(TypeError, match="holds no set"):
        pack({"a": {1, 2}})


def test_what_is_damaged_or_of_another_version_is_refused(tmp_path: Path) -> None:
    def refused() -> None:
        with pytest.raises(InputError, match="is damaged, or of another version: begin anew with --restart") as error:
            WorkFolder(tmp_path / "out.mp4").open({})
        assert "\n" not in str(error.value)
        assert path.exists() or older.exists()

    work = WorkFolder(tmp_path / "out.mp4")
    path, older = work.folder / "state.safetensors", work.folder / "state.pt"
    work.open({})
    work.save({"frames": np.ones(5000, np.float32), "format": 2})
    work.close()
    refused()
    work = WorkFolder(tmp_path / "out.mp4")
    assert work.open({}, restart=True) is None
    work.save({"frames": np.ones(5000, np.float32)})
    work.close()
    again = WorkFolder(tmp_path / "out.mp4")
    assert again.open({}) is not None
    again.close()
    whole = path.read_bytes()
    for data in (b"", whole[:9], whole[:300], whole[:-1], whole[:-4096] + bytes(4096), bytes(len(whole)), b"{" + whole):
        path.write_bytes(data)
        refused()
    path.unlink()
    older.write_bytes(b"of torch")
    refused()
    work = WorkFolder(tmp_path / "out.mp4")
    assert work.open({}, restart=True) is None
    work.close()
    assert not work.folder.exists()
