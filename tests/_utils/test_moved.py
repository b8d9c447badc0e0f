"""Names of version 0.1 are found for one release, and ``adain`` lists those of today."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import adain
from adain._utils import moved
from tests.conftest import python

FIRST = {
    "backbones": "load_backbone",
    "color": "ColorPreservation",
    "convert": "decoder_state",
    "engines.ray": "stylize_dataset",
    "errors": "InputError",
    "evaluation.pairs": "pair_up",
    "evaluation.report": "table",
    "evaluation.run": "evaluate",
    "export": "export_onnx",
    "guidance": "Regions",
    "images": "read_image",
    "labels": "read_label_map",
    "layer": "AdaIN",
    "masks": "ramp",
    "onnx": "OnnxStylizer",
    "pretrained": "load_encoder",
    "style": "Style",
    "style_cache": "StyleCache",
    "tensors": "resize_shorter",
    "vgg": "VGGEncoder",
}
"""A name of each module that moved."""


def warned(find: Callable[[], Any]) -> tuple[Any, str]:
    """What is found, and the one warning, which tells of this file."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = find()
    (warning,) = (each for each in seen if issubclass(each.category, DeprecationWarning))
    assert warning.filename in (__file__, importlib.__file__)
    return found, str(warning.message)


@pytest.mark.parametrize(("name", "home"), moved.NAMES.items())
def test_names(name: str, home: str) -> None:
    found, message = warned(lambda: getattr(adain, name))
    assert found is getattr(importlib.import_module(f"adain.{home}"), name)
    assert message == f"adain.{name} is adain.{home}.{name} now"
    scope: dict[str, Any] = {}
    code = compile(f"from adain import {name}", __file__, "exec")
    assert warned(lambda: exec(code, scope))[1] == message
    assert scope[name] is found


@pytest.mark.parametrize("old", moved.MODULES)
def test_modules(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if f"{name}.".startswith(f"adain.{old.partition('.')[0]}.")]:
        monkeypatch.delitem(sys.modules, name)
    found, message = warned(lambda: importlib.import_module(f"adain.{old}"))
    home = f"adain.{moved.MODULES[old]}".rstrip(".")
    assert message == f"adain.{old} is {home} now"
    name = FIRST[old]
    assert getattr(found, name) is getattr(importlib.import_module(home), name)
    with pytest.raises(AttributeError):
        _ = found.nonsense


def test_every_module_has_an_example() -> None:
    assert sorted(FIRST) == sorted(moved.MODULES)


def test_nothing_that_moved_is_still_there() -> None:
    names = {name.partition(".")[0] for name in moved.MODULES} | set(moved.NAMES)
    assert not names & set(adain.__all__)


def test_packages_that_held_only_modules_are_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        for name in moved.PACKAGES:
            importlib.import_module(f"adain.{name}")


def test_other_names_are_unknown() -> None:
    for name in ("nonsense", "backbone"):
        with pytest.raises(AttributeError, match=name):
            getattr(adain, name)
        with pytest.raises(ModuleNotFoundError, match=f"adain.{name}"):
            importlib.import_module(f"adain.{name}")


def test_dir_lists_what_is_public() -> None:
    assert sorted(dir(adain)) == sorted(adain.__all__)
    assert {"Stylizer", "Options", "stylize_folder", "stylize_video", "refine", "InputError"} <= set(dir(adain))
    assert [name for name in dir(adain) if name.startswith("_")] == ["__version__"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(hasattr(adain, name) for name in dir(adain))


def test_importing_waits_for_nothing() -> None:
    heavy = ["torch", "numpy", "PIL", "click", "ray"]
    code = f"import json, sys, adain; dir(adain); print(json.dumps({{m: m in sys.modules for m in {heavy}}}))"
    assert python(code) == dict.fromkeys(heavy, False)
