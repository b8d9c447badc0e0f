from __future__ import annotations

from pathlib import Path

import click
import pytest

from adain.cli.options import pictures


def offered(text: str) -> list[tuple[str, str]]:
    command = click.Command("stylize")
    return [(item.type, item.value) for item in pictures(click.Context(command), click.Argument(["path"]), text)]


def test_samples_where_no_file_begins_like_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered("") == [("file", "")]
    assert offered("gre") == [("plain", "great-wave")]
    assert offered("m") == [("plain", f"{name}") for name in ("machu-picchu", "mont-st-michel", "mackerel-prawn",
                                                             "moulin-galette")]  # fmt: skip
    assert offered("[x") == [("file", "[x")]
    (tmp_path / "green.jpg").touch()
    assert offered("gre") == [("file", "gre")]
