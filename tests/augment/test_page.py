"""The examples of the page on training data run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.augment.test_sources import write_bank
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "augment.md").read_text(encoding="utf-8")
EXAMPLES = {
    heading: re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    for heading, section in re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    "heading", ["Random styles", "torchvision", "kornia", "Albumentations", "The same samples again"]
)
def test_examples_run(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_bank(tmp_path / "bank.safetensors", 7)
    assert EXAMPLES[heading]
    for example in EXAMPLES[heading]:
        exec(example, {})
