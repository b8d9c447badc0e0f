from __future__ import annotations

from pathlib import Path

import pytest

from adain._utils.errors import InputError, MissingFileError
from adain.training.config import TrainingConfig
from adain.training.plan import parse_plan, plan_path, read_plan

TWO = """
[settings]
crop = 64
crop_scale = [0.2, 1]
lr = 1

[[stages]]
name = "first"
share = 3

[[stages]]
name = "second"
model = "fast"
start = "scratch"
batch_size = 4

[[stages]]
name = "third"
model = "fast"
compile = true
"""


def test_stages_are_read_in_their_order() -> None:
    plan = parse_plan(TWO, "plan.toml", {"seed": 7})
    assert [s.name for s in plan.stages] == ["first", "second", "third"]
    assert [s.share for s in plan.stages] == [0.6, 0.2, 0.2]
    # A model that ships, nothing, and the stage before of the same model.
    assert [s.start for s in plan.stages] == ["vgg19", None, "second"]
    assert [plan.model_before(s) for s in plan.stages] == ["vgg19", None, "fast"]
    first, second, third = (s.config for s in plan.stages)
    assert (first.model, second.model) == ("vgg19", "fast")
    assert (first.crop, first.crop_scale, first.lr) == (64, (0.2, 1.0), 1.0)
    assert (first.batch_size, second.batch_size) == (TrainingConfig().batch_size, 4)
    assert third.compile is True
    assert [plan.stages[2].compiles_on(kind) for kind in ("cuda", "cpu", "mps")] == [True, False, False]
    assert {c.seed for c in (first, second, third)} == {7}
    assert {c.lr_schedule for c in (first, second, third)} == {"time"}


def stage(text: str) -> str:
    return f'[[stages]]\nname = "a"\n{text}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "plan.toml is not TOML"),
        ("[settings]", "has no stages"),
        ("stages = [1]", "a stage is a table"),
        ("[[stage]]", "no 'stage' in a plan"),
        ("[[stages]]\nshare = 1", "stage 1: name must be one of letters"),
        ('[[stages]]\nname = "../a"', "name must be one of letters"),
        ('[[stages]]\nname = "fast"', "name is taken by a model"),
        (stage("") + stage(""), "name is taken by a model or another stage"),
        (stage("share = 0"), "stage a: share must be a number above 0, not 0"),
        (stage("share = true"), "share must be a number above 0"),
        (stage("start = 1"), "start must be a stage's name"),
        (stage("crops = 64"), "no setting 'crops': did you mean 'crop'"),
        (stage("crop = 100"), "stage a: --crop must be a multiple of 8"),
        (stage("crop = 64.0"), "--crop must be a whole number, not 64.0"),
        (stage('lr = "1e-4"'), "--lr must be a number, not '1e-4'"),
        (stage("lr = true"), "--lr must be a number, not True"),
        (stage("compile = 1"), "--compile must be true or false, not 1"),
        (stage('model = "vgg16"'), "--model must be one of vgg19, classic, fast"),
        (stage("model = 1"), "--model must be a word in quotes"),
        (stage("crop_scale = [0.1]"), "--crop-scale must be 2 numbers in brackets"),
        (stage("max_minutes = 3"), "--max-minutes is not for a plan: the time of a stage is its share of --minutes"),
    ],
)
def test_a_bad_plan_takes_one_line(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_plan(text, "plan.toml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("plan.toml")


def test_where_plans_are_found(tmp_path: Path) -> None:
    assert plan_path("x.toml") == Path("x.toml")
    with pytest.raises(InputError, match="no plan 'shiped'"):
        plan_path("shiped")
    with pytest.raises(MissingFileError, match=r"x\.toml does not exist"):
        read_plan(tmp_path / "x.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"bad\.toml cannot be read"):
        read_plan(tmp_path / "bad.toml")
