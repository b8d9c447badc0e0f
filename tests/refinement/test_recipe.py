from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from adain._utils.errors import InputError, MissingFileError
from adain.nn.vgg import LAYERS
from adain.refinement import recipe as recipes
from adain.refinement.recipe import Recipe, from_mapping, load_recipe, parse_setting
from adain.refinement.specs import LossSpec, parse_loss
from tests.conftest import python

SHIPPED = ("dynamic-multiscale", "gatys2016", "keras-vgg19", "refine-fast")


def gram(**changes: Any) -> Recipe:
    """A recipe of one loss."""
    return from_mapping({"losses": {"gram": 1.0}, **changes}, None, "")


def error(values: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        from_mapping({"losses": {"gram": 1.0}, **values}, None, "")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_four_recipes_ship() -> None:
    assert tuple(recipes.recipe_names()) == SHIPPED
    assert recipes.DEFAULT_RECIPE in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes(name: str) -> None:
    plan = load_recipe(name)
    assert plan.name == name
    assert plan.steps > 0
    known = {spec.relu for spec in LAYERS}
    for spec in plan.losses.values():
        assert set(spec.layers) <= known


@pytest.mark.parametrize("name", SHIPPED)
def test_every_value_names_its_origin(name: str) -> None:
    """In a comment behind it or, where the line has no room, on the lines above."""
    above = False
    for line in recipes.recipe_source(name).splitlines():
        if re.match(r"[\w-]+ *=", line):
            comment = line.partition("#")[2]
            assert len(comment.strip()) > 5 or above, line
        above = line.startswith("#")


def test_what_the_papers_say() -> None:
    gatys = load_recipe("gatys2016")
    assert set(gatys.losses["content"].layers) == {"relu4_2"}
    assert list(gatys.losses["gram"].layers) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    assert set(gatys.losses["gram"].layers.values()) == {1 / 5}
    assert 1e-4 <= gatys.losses["content"].weight / gatys.losses["gram"].weight <= 1e-1
    keras = load_recipe("keras-vgg19")
    assert keras.losses["content"].layers == {"relu5_2": 1.0}
    assert keras.losses["gram"].weight / keras.losses["content"].weight == 1e4
    assert "tv" in keras.losses
    dynamic = load_recipe("dynamic-multiscale")
    assert dynamic.weighting != "fixed"
    assert len(dynamic.scales) > 1
    assert {"content", "secondary", "combined", "tv"} < set(dynamic.losses)
    fast = load_recipe("refine-fast")
    assert fast.start == "adain"
    assert fast.steps <= 100
    assert fast.losses == gatys.losses
    assert fast.whitening > 0
    assert fast.change(optimizer="adam").whitening == 0
    assert fast.change(optimizer="adam", whitening=0.25).whitening == 0.25


def test_reading_recipes_does_not_wait_for_torch() -> None:
    code = "import json, sys; from adain.refinement import recipe as r; r.load_recipe('gatys2016')"
    found = python(f"{code}; print(json.dumps({{'torch': 'torch' in sys.modules}}))")
    assert found == {"torch": False}


def test_files(tmp_path: Path) -> None:
    toml, as_json = tmp_path / "mine.toml", tmp_path / "mine.JSON"
    toml.write_text('steps = 7\nblend-share = 0.25\n[losses.gram]\nweight = 2\nlayers = ["relu2_1"]\n')
    table = {"weight": 2, "layers": ["relu2_1"]}
    as_json.write_text(json.dumps({"steps": 7, "blend-share": 0.25, "losses": {"gram": table}}))
    read = load_recipe(toml)
    assert read == load_recipe(as_json)
    assert read == Recipe({"gram": LossSpec(2.0, {"relu2_1": 1.0})}, steps=7, blend_share=0.25, name="mine")
    toml.write_bytes(b"\xef\xbb\xbf" + toml.read_bytes())
    assert load_recipe(toml) == read


def test_base_is_built_upon(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "gatys2016"\nsteps = 9\n[losses]\ntv = 0.5\ncontent = 0\n[losses.gram]\nweight = 3.0\n')
    plan, base = load_recipe(path), load_recipe("gatys2016")
    assert (plan.name, plan.steps, plan.optimizer, plan.pool) == ("mine", 9, base.optimizer, base.pool)
    assert set(plan.losses) == {"gram", "tv"}
    assert plan.losses["gram"] == dataclasses.replace(base.losses["gram"], weight=3.0)


def test_base_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "first.toml").write_text('base = "second.json"\nsteps = 9\n')
    (tmp_path / "own" / "second.json").write_text('{"base": "gatys2016", "lr": 0.5}')
    plan = load_recipe(tmp_path / "own" / "first.toml")
    assert (plan.steps, plan.lr, plan.history) == (9, 0.5, 100)


def test_base_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('base = "b.toml"')
    (tmp_path / "b.toml").write_text('base = "a.toml"')
    with pytest.raises(InputError, match=r"a\.toml builds on .*b\.toml builds on .*a\.toml"):
        load_recipe(tmp_path / "a.toml")


def test_change_merges_losses() -> None:
    plan = load_recipe("gatys2016").change(steps=3, scales=[1, 0.5], losses={"gram": {"weight": 2}, "mean-std": 1})
    assert plan.steps == 3
    assert plan.scales == (1.0, 0.5)
    assert plan.losses["gram"].layers == load_recipe("gatys2016").losses["gram"].layers
    assert plan.losses["mean-std"] == LossSpec(1.0)
    assert "content" not in plan.change(losses={"content": 0}).losses
    assert plan.change(losses={"tv": LossSpec(0.1)}).losses["tv"].weight == 0.1
    assert plan.change() == plan


def test_learning_rates() -> None:
    assert gram().learning_rate == 1.0
    assert gram(optimizer="adam").learning_rate == 0.02
    assert gram(optimizer="adam", lr=0.3).learning_rate == 0.3
    gatys = load_recipe("gatys2016")
    assert gatys.lr == 1.0
    assert gatys.change(optimizer="adam").learning_rate == 0.02
    assert gatys.change(optimizer="adam", lr=0.5).learning_rate == 0.5
    assert gatys.change(optimizer="lbfgs").lr == 1.0
    assert from_mapping({"base": "gatys2016", "optimizer": "sgd"}, None, "").lr == 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"losses": {"gram": {"weight": "a"}}}, "losses.gram.weight must be a number, not the text 'a'"),
        ({"losses": {"gram": "much"}}, "losses.gram.weight must be a number, not the text 'much'"),
        ({"losses": {"gram": {"weight": True}}}, "losses.gram.weight must be a number, not the switch True"),
        ({"losses": {"gram": {"weight": -1}}}, "losses.gram.weight must be 0 or more, not -1"),
        ({"losses": {"gram": {"weight": math.nan}}}, "losses.gram.weight must be a finite number, not nan"),
        ({"losses": {"gram": {"weight": 10**400}}}, "losses.gram.weight must be a finite number, not inf"),
        ({"losses": {"gram": {"layers": ["relu1_1"]}}}, "losses.gram.weight is missing"),
        ({"losses": {"gram": {"weight": 1, "layers": 4}}}, "losses.gram.layers must be layer names"),
        ({"losses": {"gram": {"weight": 1, "layers": [4]}}}, "losses.gram.layers must be text, not the number 4"),
        ({"losses": {"gram": {"weight": 1, "layers": {"relu1_1": "x"}}}}, "losses.gram.layers.relu1_1 must be a num"),
        ({"losses": {"gram": {"weight": 1, "layers": {"relu1_1": -2}}}}, "losses.gram.layers.relu1_1 must be 0 or m"),
        ({"losses": {"gram": {"weight": 1, "layer": []}}}, "losses.gram has no setting 'layer': did you mean 'layers'"),
        ({"losses": {"tv": {"weight": 1, "layers": []}}}, "losses.tv has no setting 'layers'"),
        ({"losses": {"tv": {"weight": 1, "form": "squares"}}}, "losses.tv.form cannot be 'squares': did you mean 'sq"),
        ({"losses": {"content": {"weight": 1, "form": 2}}}, "losses.content.form must be text"),
        ({"losses": {"combined": {"weight": 1, "share": 2}}}, "losses.combined.share must be from 0 to 1, not 2"),
        ({"losses": {"sliced-wasserstein": {"weight": 1, "directions": 1.5}}}, "directions must be a whole number"),
        ({"losses": {"grams": 1}}, "there is no loss 'grams': did you mean 'gram'?"),
        ({"losses": {"xyz": 1}}, "there is no loss 'xyz': use one of content, secondary"),
        ({"losses": [1]}, "losses must be tables such as [losses.gram], not the list"),
        ({"losses": {"gram": 0}}, "losses must hold at least one with a weight above 0"),
        ({"losses": {}}, "losses must hold at least one"),
        ({"step": 1}, "there is no setting 'step': did you mean 'steps'"),
        ({3: 1}, "there is no setting '3'"),
        ({"steps": 1.5}, "steps must be a whole number, not the number 1.5"),
        ({"steps": -1}, "steps must be 0 or more, not -1"),
        ({"steps": True}, "steps must be a whole number"),
        ({"start": 3}, "start must be text, not the number 3"),
        ({"optimizer": "lbgfs"}, "optimizer cannot be 'lbgfs': did you mean 'lbfgs'?"),
        ({"schedule": "linear"}, "schedule cannot be 'linear': use one of constant, cosine, plateau"),
        ({"bounds": "clip"}, "bounds cannot be 'clip'"),
        ({"pool": "mean"}, "pool cannot be 'mean'"),
        ({"weighting": "loss_ratio"}, "weighting cannot be 'loss_ratio': did you mean 'loss-ratio'?"),
        ({"loss_precision": "fp16"}, "loss_precision cannot be 'fp16'"),
        ({"lr": math.inf}, "lr must be a finite number, not inf"),
        ({"lr": -0.1}, "lr must be 0 or more"),
        ({"ema": 1}, "ema must be from 0 up to, not including, 1, not 1"),
        ({"momentum": -0.1}, "momentum must be from 0 up to"),
        ({"blend_share": 1.1}, "blend_share must be from 0 to 1, not 1.1"),
        ({"start_share": -0.5}, "start_share must be from 0 to 1, not -0.5"),
        ({"whitening": 2}, "whitening must be from 0 to 1, not 2"),
        ({"first_move": -1}, "first_move must be 0 or more, not -1"),
        ({"history": 0}, "history must be 1 or more, not 0"),
        ({"patience": 0}, "patience must be 1 or more"),
        ({"weighting_every": 0}, "weighting_every must be 1 or more"),
        ({"coarsest": -1}, "coarsest must be 0 or more"),
        ({"growth": 1}, "growth must be above 1, not 1"),
        ({"tolerance": -1e-3}, "tolerance must be 0 or more"),
        ({"scales": []}, "scales must be different numbers above 0 up to 1, not []"),
        ({"scales": [1, 2]}, "scales must be different numbers above 0 up to 1"),
        ({"scales": [1, 1]}, "scales must be different numbers"),
        ({"scales": ["x"]}, "scales must be a number, not the text 'x'"),
        ({"scale_weights": [1, 1]}, "scale_weights needs 1 numbers, one for each scale"),
        ({"scale_weights": [-1]}, "scale_weights must be 0 or more and not all 0, not [-1.0]"),
        ({"scale_weights": 0}, "scale_weights must be 0 or more and not all 0"),
        ({"base": "gatys"}, "there is no recipe 'gatys': did you mean 'gatys2016'?"),
        ({"base": 2016}, "base must be text, not the number 2016"),
    ],
)
def test_bad_values_name_their_key(values: dict[str, Any], message: str) -> None:
    assert error(values).startswith(message) or message in error(values)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"gran": LossSpec(1.0)}, "there is no loss 'gran': did you mean 'gram'"),
        ({"gram": LossSpec(-1.0)}, "losses.gram.weight must be 0 or more"),
        ({"gram": LossSpec(math.nan)}, "losses.gram.weight must be 0 or more, not nan"),
        ({"gram": LossSpec(1.0, {"relu1_1": math.inf})}, "losses.gram.layers.relu1_1 must be 0 or more"),
        ({"tv": LossSpec(1.0, {"relu1_1": 1.0})}, "losses.tv is of the picture itself"),
        ({"tv": LossSpec(1.0, form="mean")}, "losses.tv.form cannot be 'mean'"),
        ({"combined": LossSpec(1.0, share=2.0)}, "losses.combined.share must be from 0 to 1"),
        ({"sliced-wasserstein": LossSpec(1.0, directions=-1)}, "directions must be 0 or more"),
    ],
)
def test_losses_made_by_hand_are_checked_too(losses: dict[str, LossSpec], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Recipe(losses)


def test_losses_are_needed() -> None:
    with pytest.raises(InputError, match=r"losses must be set, such as \[losses.gram\]"):
        from_mapping({"steps": 3}, None, "")


def test_bad_files(tmp_path: Path) -> None:
    def message(name: str, text: bytes) -> str:
        (tmp_path / name).write_bytes(text)
        with pytest.raises(InputError) as caught:
            load_recipe(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
        return str(caught.value)

    assert "a.toml is not valid TOML" in message("a.toml", b"steps = ")
    assert "a.json is not valid JSON" in message("a.json", b"{'steps': 1}")
    assert "b.json is not valid JSON" in message("b.json", b"\xff\xfe{}")
    assert "must hold keys and values, such as steps = 100, not the list" in message("c.json", b"[1]")
    assert "c.toml: losses.gram.weight must be a number" in message("c.toml", b'[losses.gram]\nweight = "1"')
    assert "d.toml: steps must be 0 or more" in message("d.toml", b'base = "gatys2016"\nsteps = -1')
    assert "e.json: lr must be a finite number, not nan" in message("e.json", b'{"losses": {"gram": 1}, "lr": NaN}')
    with pytest.raises(MissingFileError, match=r"none\.toml does not exist: name a recipe file, or one of dynamic"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(InputError, match="there is no recipe 'gatys2015': did you mean 'gatys2016'"):
        load_recipe("gatys2015")


@pytest.mark.parametrize(
    ("text", "name", "table"),
    [
        ("gram=100", "gram", {"weight": 100.0}),
        ("tv=1e-3", "tv", {"weight": 1e-3}),
        (" gram = 1 : relu1_1 , relu2_1*0.5", "gram", {"weight": 1.0, "layers": {"relu1_1": 1.0, "relu2_1": 0.5}}),
    ],
)
def test_losses_on_the_command_line(text: str, name: str, table: dict[str, Any]) -> None:
    assert parse_loss(text) == (name, table)


@pytest.mark.parametrize("text", ["gram", "gram=", "gram=x", "gram=1:relu1_1*x", "", "=", "gram:relu1_1"])
def test_bad_losses_on_the_command_line(text: str) -> None:
    with pytest.raises(InputError, match=r"a loss must be NAME=WEIGHT or NAME=WEIGHT:layer"):
        parse_loss(text)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("whitening=0.5", "whitening", 0.5),
        ("weighting-every = 3", "weighting_every", 3),
        ("schedule=cosine", "schedule", "cosine"),
        ("scales=1,0.5", "scales", (1.0, 0.5)),
    ],
)
def test_settings_on_the_command_line(text: str, key: str, value: object) -> None:
    assert parse_setting(text) == (key, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("whitening", "a setting must be KEY=VALUE, such as whitening=0.5, not 'whitening'"),
        ("whitning=1", "there is no setting 'whitning': did you mean 'whitening' or 'weighting'? All are start, "),
        ("xyz=1", "there is no setting 'xyz': use one of start, start_share, steps"),
        ("history=1.5", "history must be a whole number, not '1.5'"),
        ("ema=", "ema must be a number, not ''"),
        ("scales=1,x", "scales must be numbers such as 1,0.5, not '1,x'"),
    ],
)
def test_bad_settings_on_the_command_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_setting(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_every_setting_has_help_and_a_type_that_can_be_written() -> None:
    for key, setting in recipes.SETTINGS.items():
        assert len(setting.metadata["help"]) > 5, key
        default = setting.default
        text = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
        if text:
            assert parse_setting(f"{key}={text}") == (key, default)


def test_the_old_name_of_a_setting_is_understood_for_a_release() -> None:
    with pytest.warns(DeprecationWarning, match="precision of recipes is loss_precision now"):
        assert gram(precision="bf16").loss_precision == "bf16"
