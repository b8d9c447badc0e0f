"""Bodies of /stylize, drawn by the declarations of the options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from adain.app.request import FILE
from adain.options import ARRANGEMENTS, Declaration, Options


def values(each: Declaration) -> st.SearchStrategy[Any]:
    """Values of an option in JSON, in and out of its range where others decide that."""
    if each.is_file:
        ids = st.sampled_from(["s4", "s5"] if "Style" in each.kind else ["m1", "m2", "m3", *each.choices])
        ids = ids if "Style" not in each.kind else ids | st.sampled_from(["keep"])
        some = ids | st.none() if "None] |" in each.kind else ids
        return st.lists(some, min_size=1, max_size=3) if each.kind.startswith("Sequence") else ids
    if each.is_switch:
        return st.booleans()
    if each.choices:
        return st.sampled_from(each.choices)
    if "str | int" in each.kind:
        return st.lists(st.integers(0, 9) | st.sampled_from(["#ff0000", "7"]), min_size=1, max_size=3)
    if each.is_number:
        high = 1000 if each.high is None else each.high
        low = each.low or 0
        whole = st.integers(int(low), int(high))
        number = whole if each.kind.startswith("int") else whole | st.floats(low, high, exclude_min=each.is_open)
        some = st.lists(number, min_size=1, max_size=3)
        number = number | st.sampled_from(["auto", "off"]) if "str" in each.kind else number
        return some if each.kind.startswith("Sequence") else number | some if each.takes_numbers else number
    modes = st.sampled_from(["none", "luminance", "linear", "histogram"])
    return modes | st.lists(modes | st.none(), min_size=1, max_size=3)


@st.composite
def bodies(draw: Callable[..., Any], always: str = "") -> dict[str, Any]:
    """Bodies, most of which do not contradict themselves; with one option in all of them."""
    count = draw(st.integers(1, 3))
    declared = Options.declared()
    arrangement = draw(st.sampled_from(["", *ARRANGEMENTS]))
    free = sorted({*declared} - {*ARRANGEMENTS, "labels", "style_masks"})
    names = draw(st.lists(st.sampled_from(free), max_size=4, unique=True))
    names += [always] if always in free else []
    arrangement = always if always in ARRANGEMENTS else "label_map" if always == "labels" else arrangement
    names += [arrangement] if arrangement else []
    names += ["labels"] if arrangement == "label_map" else []
    names += ["style_masks"] if always == "style_masks" or draw(st.booleans()) else []
    names += ["color"] if any(name.startswith(("color_", "match_")) for name in names) else []
    options = {name: draw(values(declared[name])) for name in names}
    lists = ("weights", "masks", "labels", "style_masks")
    options = {
        name: draw(st.lists(st.sampled_from(value), min_size=count, max_size=count)) if name in lists else value
        for name, value in options.items()
    }
    file = {
        name: draw(values(FILE[name])) for name in draw(st.lists(st.sampled_from([*FILE]), max_size=2, unique=True))
    }
    return {
        "content": "c", "styles": [f"s{k}" for k in range(count)], "options": options, "file": file,
        "format": draw(st.sampled_from(["png", "jpeg", "webp", "tiff"])),
        "model": draw(st.sampled_from(["fast", "vgg19", "classic"])),
    }  # fmt: skip
