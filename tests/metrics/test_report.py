from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from adain._utils.errors import InputError
from adain.metrics.catalogue import METRICS
from adain.metrics.evaluation import Entry, Evaluation
from adain.metrics.report import as_json, summarise, table, write_csv


@pytest.fixture
def evaluation() -> Evaluation:
    def entry(row: str, content: str, **values: float) -> Entry:
        output = Path(f"{content}_out.png") if row == "mine" else None
        return Entry(
            row, Path(f"{content}.png"), Path("s.png"), output, {k.replace("_", "-"): v for k, v in values.items()}
        )

    entries = [
        entry("mine", "a", style_residual=0.25, ssim=0.5),
        entry("identity", "a", style_residual=1.0, ssim=1.0),
        entry("mine", "b", style_residual=0.75),
        entry("identity", "b", style_residual=1.0, ssim=1.0),
    ]
    chosen = [METRICS[name] for name in ("style-residual", "ssim", "vgg-fd")]
    failures = [InputError("b is broken")]
    return Evaluation(chosen, ["mine", "identity"], entries, {"mine": {"vgg-fd": 12.34}}, failures, 64)


def test_summaries() -> None:
    found = summarise([1.0, 2.0, 6.0])
    assert found == (3.0, 7.0**0.5, 2.0, 1.0, 6.0, 3)
    assert summarise([4.0]) == (4.0, None, 4.0, 4.0, 4.0, 1)
    assert summarise([]) is None


def test_table(evaluation: Evaluation) -> None:
    assert table(evaluation).splitlines() == [
        "          pairs  style-residual ↓         ssim ↑  vgg-fd ↓",
        "mine          2     0.500 ± 0.354          0.500      12.3",
        "identity      2     1.000 ± 0.000  1.000 ± 0.000         –",
    ]


def test_what_does_not_fit_follows_below(evaluation: Evaluation) -> None:
    text = table(evaluation, width=40)
    blocks = text.split("\n\n")
    assert len(blocks) == 2
    assert all(len(line) <= 40 for line in text.splitlines())
    assert all(block.splitlines()[1].startswith("mine          2") for block in blocks)


def test_json(evaluation: Evaluation) -> None:
    found = json.loads(json.dumps(as_json(evaluation), allow_nan=False))
    assert found["size"] == 64
    assert list(found["measures"]) == ["style-residual", "ssim", "vgg-fd"]
    assert found["measures"]["ssim"]["better"] == "higher"
    mine, identity = found["rows"]
    assert mine["row"] == "mine"
    assert mine["measures"]["style-residual"]["mean"] == 0.5
    assert mine["measures"]["style-residual"]["n"] == 2
    assert mine["measures"]["ssim"]["std"] is None
    assert mine["measures"]["vgg-fd"] == {"value": 12.34}
    assert "vgg-fd" not in identity["measures"]
    assert found["pairs"][0] == {
        "row": "mine", "content": "a.png", "style": "s.png", "output": "a_out.png",
        "measures": {"style-residual": 0.25, "ssim": 0.5},
    }  # fmt: skip
    assert found["pairs"][1]["output"] is None
    assert found["failures"] == ["b is broken"]


def test_csv(evaluation: Evaluation, tmp_path: Path) -> None:
    write_csv(evaluation, tmp_path / "new" / "pairs.csv")
    with (tmp_path / "new" / "pairs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "content", "style", "output", "style-residual", "ssim"]
    assert [row["style-residual"] for row in rows] == ["0.25", "1.0", "0.75", "1.0"]
    assert rows[2]["ssim"] == ""
    assert (rows[0]["output"], rows[1]["output"]) == ("a_out.png", "")
