from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from tests.conftest import one_line_error

Run = Callable[..., Result]


@pytest.mark.slow
def test_demo_needs_no_argument(run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_cli("demo", "--cell", "64")
    assert result.exit_code == 0, result.output
    written = [Path(line) for line in result.stdout.split()]
    assert written == [Path("adain-demo/stylized.jpg"), Path("adain-demo/contact-sheet.jpg")]
    with Image.open(written[0]) as picture, Image.open(written[1]) as sheet:
        assert picture.size == (1024, 576)
        # A column of photographs and one for each of four styles.
        assert sheet.width > 5 * 64


def test_unwritable_folder(run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one_line_error(run_cli("demo", "-o", tmp_path / "file"))
