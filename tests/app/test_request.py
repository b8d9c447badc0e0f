"""Bodies of /stylize as orders, and everything that they cannot be."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.app.bodies import parse_json
from adain.app.request import FILE, FORMATS, LONGEST_NAME, MOST_STYLES, MOST_TILE, TILE, Ordered, parse_order
from adain.batch.order import LEVELS, LOSSY
from adain.options import Declaration, FileOptions, Options

from .orders import BODY, SITE, site_of


def ordered(**more: Any) -> Ordered:
    return parse_order(parse_json(json.dumps({**BODY, **more}).encode()), SITE)


def path(id: str) -> Path:
    return SITE.pictures.kept[id].path  # type: ignore[no-any-return]


# What is taken


def test_the_least_that_can_be_said() -> None:
    order = ordered()
    assert (order.content.id, [style.id for style in order.styles]) == ("c", ["s1"])
    assert order.options == Options(tile=TILE)
    assert (order.model, order.is_preview, order.slot) == ("vgg19", False, "")
    assert order.file == FileOptions(tile=TILE, model="vgg19")
    assert order.name == "photo_stylized_art 1.png"
    assert list(order.look.styles) == [path("s1")]


def test_a_preview_is_made_by_the_model_for_previews() -> None:
    order = ordered(preview=True, slot="left")
    assert (order.model, order.is_preview, order.slot) == ("fast", True, "left")
    assert order.name.endswith(".jpg")


def test_everything_that_can_be_said() -> None:
    said = {
        "styles": ["s1", "s2"],
        "model": "classic",
        "format": "tiff",
        "quality": 80,
        "file": {"bits": 16, "metadata": "none"},
    }
    options = {
        "masks": ["m1", "m2"], "style_masks": [None, "m3"], "background": "s4", "protect": "faces",
        "alpha": [1, 0.5, 0.25], "color": ["luminance", None], "tile": 256, "feather": 3, "crop": True,
    }  # fmt: skip
    order = ordered(**said, options=options)
    wanted: dict[str, Any] = {
        **options, "masks": [path("m1"), path("m2")], "style_masks": [None, path("m3")], "background": path("s4"),
        "color": ["luminance", "none"],
    }  # fmt: skip
    assert order.options == Options(**wanted)
    assert order.file == FileOptions(**wanted, model="classic", quality=80, bits=16, metadata="none")
    assert order.name == "photo_stylized_art 1+art 2.tif"
    assert {upload.id for upload in order.named.values()} == {"m1", "m2", "m3", "s4"}
    assert all(path == upload.path for path, upload in order.named.items())


def test_several_styles_are_a_blend_where_nothing_is_said() -> None:
    assert ordered(styles=["s1", "s2", "s3"]).options.weights == (1.0, 1.0, 1.0)
    assert ordered(styles=["s1", "s2"], options={"weights": [3, 1]}).options.weights == (3.0, 1.0)
    assert ordered(styles=["s1", "s2"], options={"gradient": "radial"}).options.weights is None
    assert ordered().options.weights is None


def test_labels_are_as_the_command_line_has_them() -> None:
    order = ordered(styles=["s1", "s2"], options={"label_map": "m1", "labels": [1, "2"]})
    assert order.options.labels == ("1", "2")


def test_a_list_of_one_is_what_the_command_line_can_say() -> None:
    options: dict[str, Any] = {"masks": ["m1"], "alpha": [0.5], "color": ["luminance"]}
    one = ordered(options=options).options
    assert (one.alpha, one.color) == (0.5, "luminance")
    two = ordered(options=options | {"background": "s2"}).options
    assert (two.alpha, two.color) == ((0.5, 1.0), ("luminance", "none"))


def test_words_stay_words() -> None:
    order = ordered(options={"masks": ["m1"], "background": "keep", "protect": "faces"})
    assert (order.options.background, order.options.protect) == ("keep", "faces")
    assert ordered(styles=["s1", "s2"], options={"gradient": "m1"}).options.gradient == path("m1")


def test_what_says_how_a_file_is_written_follows_from_the_declarations() -> None:
    assert {*LEVELS, "quality", "metadata"} <= set(FILE)
    assert not set(FILE) & set(Options.declared())
    assert {suffix for suffix in FORMATS.values() if suffix in LOSSY} == {".jpg", ".webp"}


def test_long_names_leave_room_for_both() -> None:
    site = site_of(c="ä" * 90 + ".jpg", **{f"s{k}": f"{k}" * 60 + ".png" for k in range(9)})
    name = parse_order({"content": "c", "styles": [f"s{k}" for k in range(9)]}, site).name
    assert len(name.encode()) <= LONGEST_NAME
    assert name.startswith("ä" * 20)
    assert "_stylized_0000" in name
    assert name.endswith(".png")


# What is refused

EVERY = [pytest.param(each, id=name) for name, each in {**Options.declared(), **FILE}.items()]


def refused(**more: Any) -> str:
    with pytest.raises(InputError) as caught:
        ordered(**more)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 300, text
    assert "/held" not in text
    return text


def of_option(each: Declaration, value: Any) -> dict[str, Any]:
    return {"file" if each.name in FILE else "options": {each.name: value}}


@pytest.mark.parametrize("tile", ["auto", "off", MOST_TILE + 1])
def test_tiles_that_let_no_file_be_followed_are_refused_for_its_command_too(tile: Any) -> None:
    """Both are one order; of a preview, which is made at once, the size of tiles does not matter."""
    assert "leave it out" in refused(options={"tile": tile})
    assert ordered(options={"tile": tile}, preview=True).options.tile == tile
    assert ordered(options={"tile": MOST_TILE}).options.tile == MOST_TILE


@pytest.mark.parametrize("each", EVERY)
def test_wrong_values_are_refused_by_the_name_of_their_option(each: Declaration) -> None:
    wrong: list[Any] = [
        {},
        {"class": "adain.options.Options"},
        [[1]],
        [{}],
        "\ud800",
        "x" * 10_000,
        [0.5] * 10_000,
        1e300,
    ]
    wrong += [] if each.is_switch else [True, False]
    wrong += ["0.5", "1"] if each.is_number and "str" not in each.kind else []
    wrong += [[1]] if "Sequence" not in each.kind else []
    wrong += [None] if each.default is not None else []
    for value in wrong:
        assert each.name in refused(**of_option(each, value)), value


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"options": {"alhpa": 1}}, "there is no option \"alhpa\": did you mean 'alpha'"),
        ({"options": {"progress": 1}}, 'there is no option "progress"'),
        ({"options": {"onnx": "x"}}, 'there is no option "onnx"'),
        ({"options": {"x" * 10_000: 1}}, "there is no option a text so long"),
        ({"options": []}, "options is one object"),
        ({"option": {}}, "the body has no field \"option\": did you mean 'options'?"),
        ({"file": {"page": 2}}, 'file has no option "page"'),
        ({"file": {"max_pixels": 2}}, 'file has no option "max_pixels"'),
        ({"file": {"quality": 3}, "quality": 3}, "quality is given twice"),
        ({"quality": 101}, "quality must be between 1 and 100, not 101"),
        ({"quality": "95"}, "quality takes numbers, not texts"),
        ({"format": "gif"}, 'results are not written as "gif": use one of'),
        ({"format": "webp", "file": {"bits": 16}}, "bits of 16 do not go with format webp: use png or tiff"),
        ({"file": {"bits": 12}}, "bits is 8 or 16, not 12"),
        ({"model": "vgg"}, 'there is no model "vgg": did you mean \'vgg19\'?'),
        ({"model": "../vgg19"}, "there is no model"),
        ({"preview": 1}, "preview is true or false, not 1"),
        ({"slot": 5}, "slot is a text, not 5"),
        ({"slot": "\udc00"}, "slot has half a character"),
        ({"content": None}, "content is the id of a photograph"),
        ({"content": 3}, "content is the id of a photograph"),
        ({"styles": "s1"}, "styles is a list of ids"),
        ({"styles": [1]}, "styles is a list of ids"),
        ({"styles": []}, "0 styles: give at least one"),
        ({"styles": ["s1"] * (MOST_STYLES + 1)}, "17 styles: give at least one, and at most 16"),
        ({"options": {"masks": ["m1"] * 10_000}}, "masks has 10000 values: at most 16"),
        ({"options": {"weights": [1, 2]}}, "2 weights for 1 style"),
        ({"options": {"weights": ["1"]}}, "weights takes numbers, not texts"),
        ({"options": {"labels": [1.5], "label_map": "m1"}}, "labels are whole numbers or colours"),
        ({"options": {"labels": [1]}}, "label_map and labels go together"),
        ({"options": {"masks": ["m1"], "gradient": "radial"}}, "masks and gradient each say"),
        ({"options": {"feather": 3}}, "feather needs masks or protect"),
        ({"options": {"preview": True}, "file": {"dither": True}}, "grid and preview make sheets of 8 bits"),
        ({"options": {"protect": 3}}, "protect takes the ids of uploads, not 3"),
        ({"options": {"alpha": True}}, "alpha must be between 0 and 1, not True"),
    ],
)  # fmt: skip
def test_messages(more: dict[str, Any], message: str) -> None:
    assert message in refused(**more)


@pytest.mark.parametrize(
    "more",
    [
        {"content": "s1"},
        {"styles": ["m1"]},
        {"options": {"masks": ["s1"]}},
        {"options": {"protect": "/etc/passwd"}},
        {"options": {"masks": ["m1"], "background": "m2"}},
    ],
)
def test_ids_are_looked_up_where_they_belong(more: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        ordered(**more)


def test_a_body_is_an_object() -> None:
    for body in (None, 3, [], "x", True):
        with pytest.raises(InputError, match="the body is one object"):
            parse_order(body, SITE)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["s1", "m1", "auto"])
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
)


@given(
    st.dictionaries(st.sampled_from([*Options.declared(), "nonesuch"]), JSON, max_size=4),
    st.dictionaries(st.sampled_from([*FILE]), JSON, max_size=2),
    JSON,
)
@settings(deadline=None, max_examples=150)
def test_whatever_comes_is_an_order_or_a_line(options: dict[str, Any], file: dict[str, Any], other: Any) -> None:
    for body in ({**BODY, "options": options, "file": file}, {**BODY, "model": other, "quality": other}, other):
        with contextlib.suppress(KeyError):  # of ids
            try:
                parse_order(body, SITE)
            except InputError as error:
                line = str(error)
                line.encode()
                if "\n" in line or len(line) > 400:
                    raise AssertionError(line) from error
