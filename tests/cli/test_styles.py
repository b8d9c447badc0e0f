from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from adain._utils.resources import resolve, sample_folder
from tests.conftest import python

Run = Callable[..., Result]


def test_artworks_are_listed(run_cli: Run) -> None:
    *listed, where = run_cli("styles").stdout.splitlines()
    assert where == f"They lie in {sample_folder('style')}"
    assert len(listed) == len(list(sample_folder("style").glob("*.jpg")))
    wave = next(line for line in listed if line.startswith("great-wave "))
    for text in ("The Great Wave off Kanagawa", "Hokusai", "public-domain"):
        assert text in wave
    for line in listed:
        assert resolve(line.split()[0]).is_file()


@pytest.mark.parametrize(("flags", "kind"), [((), "style"), (("--contents",), "content")])
def test_json(run_cli: Run, flags: tuple[str, ...], kind: str) -> None:
    records = [json.loads(line) for line in run_cli("styles", "--json", *flags).stdout.splitlines()]
    assert {record["kind"] for record in records} == {kind}
    for record in records:
        assert list(record) == ["kind", "name", "title", "author", "licence", "source", "path"]
        assert Path(record["path"]).parent == sample_folder(kind)  # type: ignore[arg-type]
        assert Path(record["path"]).is_file()


def test_nothing_large_is_imported() -> None:
    found = python(
        """
import contextlib, io, json, sys
from adain.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["styles"])
print(json.dumps([m for m in ("torch", "numpy", "PIL") if m in sys.modules]))
"""
    )
    assert found == []
