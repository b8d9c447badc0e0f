"""A small ComfyUI for tests: it loads a folder of nodes, checks a workflow and runs it by the rules of the real one."""

from __future__ import annotations

import importlib.util
import inspect
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

NODES = Path(__file__).resolve().parents[2] / "integrations" / "comfyui"

Prompt = dict[str, dict[str, Any]]
"""A workflow as ComfyUI's API takes it: by id a node's class and inputs, each a value or ``[id, output]``."""


class Refused(Exception):
    """A workflow does not pass the check."""


@contextmanager
def loaded(folder: Path) -> Iterator[Any]:
    """The module of nodes in a copy of the folder, loaded as ComfyUI does: from its path, and called by that."""
    copy = folder / "custom_nodes" / "adain"
    shutil.copytree(NODES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    name = str(copy).replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, copy / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        for known in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            del sys.modules[known]


class Given:
    """A node that gives whatever a test puts into it."""

    kind, value = "IMAGE", None
    FUNCTION, CATEGORY = "give", "test"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    def give(self) -> tuple[Any]:
        return (self.value,)


def given(kind: str, value: Any) -> type[Given]:
    """A class of nodes that give this value of this type."""
    return type("Made", (Given,), {"kind": kind, "value": value, "RETURN_TYPES": (kind,)})


def inputs_of(node: Any) -> dict[str, tuple[Any, dict[str, Any], bool]]:
    """By name, the type, what is known of it, and whether it has to be there."""
    types = node.INPUT_TYPES()
    found = {}
    for place in ("required", "optional"):
        for name, (kind, *about) in types.get(place, {}).items():
            found[name] = (kind, about[0] if about else {}, place == "required")
    return found


def check_node(node: Any) -> None:
    """Fail, if a class is no node that ComfyUI can show and run."""
    assert set(node.INPUT_TYPES()) <= {"required", "optional", "hidden"}
    assert "required" in node.INPUT_TYPES()
    json.dumps(node.INPUT_TYPES())  # it is sent to the browser
    assert isinstance(node.RETURN_TYPES, tuple)
    assert all(isinstance(kind, str) for kind in node.RETURN_TYPES)
    for name in ("RETURN_NAMES", "OUTPUT_IS_LIST", "OUTPUT_TOOLTIPS"):
        if hasattr(node, name):
            assert isinstance(getattr(node, name), tuple)
            assert len(getattr(node, name)) == len(node.RETURN_TYPES)
    assert isinstance(node.CATEGORY, str)
    assert node.CATEGORY
    function = inspect.signature(getattr(node(), node.FUNCTION))
    taken = function.parameters.values()
    is_open = any(each.kind is each.VAR_KEYWORD for each in taken)
    for name, (kind, about, is_required) in inputs_of(node).items():
        assert is_open or name in function.parameters, name
        if not is_required and name in function.parameters:
            assert function.parameters[name].default is not inspect.Parameter.empty, name
        if isinstance(kind, list):
            assert "default" not in about or about["default"] in kind
        elif kind in ("INT", "FLOAT"):
            assert about["min"] <= about["default"] <= about["max"]
            assert isinstance(about["default"], int if kind == "INT" else float)
        elif kind not in ("BOOLEAN", "STRING"):
            assert kind.isupper()
    for each in taken:
        if each.default is inspect.Parameter.empty and each.kind is each.POSITIONAL_OR_KEYWORD:
            assert inputs_of(node)[each.name][2], f"{each.name} is needed, and nothing gives it"


def validate(prompt: Prompt, nodes: Mapping[str, Any]) -> None:
    """Refuse a workflow as ComfyUI does, before anything runs."""
    for key, node in prompt.items():
        if node["class_type"] not in nodes:
            raise Refused(f"node {node['class_type']} does not exist")
        known = inputs_of(nodes[node["class_type"]])
        for name, (kind, about, is_required) in known.items():
            if name not in node["inputs"]:
                if is_required:
                    raise Refused(f"{key}: required input is missing: {name}")
                continue
            value = node["inputs"][name]
            if isinstance(value, list):
                gives = nodes[prompt[value[0]]["class_type"]].RETURN_TYPES[value[1]]
                if gives != kind:
                    raise Refused(f"{key}: {name}, received_type({gives}) mismatch input_type({kind})")
                continue
            if isinstance(kind, list):
                if value not in kind:
                    raise Refused(f"{key}: value not in list: {name}: {value}")
                continue
            make = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}.get(kind)
            if make is None:
                raise Refused(f"{key}: {name} takes a link")
            node["inputs"][name] = value = make(value)
            if "min" in about and not about["min"] <= value <= about["max"]:
                raise Refused(f"{key}: value out of range: {name}: {value}")


def run(prompt: Prompt, nodes: Mapping[str, Any], wanted: str) -> list[Any]:
    """All outputs of one node, each a list, as long as what came before made it; every node runs once for each item."""
    validate(prompt, nodes)
    done: dict[str, list[list[Any]]] = {}

    def outputs(key: str) -> list[list[Any]]:
        if key in done:
            return done[key]
        node = prompt[key]
        of_class = nodes[node["class_type"]]
        known = inputs_of(of_class)
        values = {
            name: outputs(value[0])[value[1]] if isinstance(value, list) else [value]
            for name, value in node["inputs"].items()
            if name in known
        }
        made, instance = [], of_class()
        for k in range(max((len(value) for value in values.values()), default=1)):
            arguments = {name: value[min(k, len(value) - 1)] for name, value in values.items()}
            result = getattr(instance, of_class.FUNCTION)(**arguments)
            assert isinstance(result, tuple)
            assert len(result) == len(of_class.RETURN_TYPES)
            made.append(result)
        lists = getattr(of_class, "OUTPUT_IS_LIST", [False] * len(of_class.RETURN_TYPES))
        done[key] = [
            [item for result in made for item in result[k]] if is_list else [result[k] for result in made]
            for k, is_list in enumerate(lists)
        ]
        return done[key]

    with torch.inference_mode():
        return outputs(wanted)
