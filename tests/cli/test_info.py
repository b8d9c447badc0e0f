from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result

import adain
from adain import nn
from adain._utils.errors import WeightsError
from adain.cli import info
from tests.conftest import python

Run = Callable[..., Result]


def record(run_cli: Run) -> dict[str, dict[str, object]]:
    result = run_cli("info", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_json(run_cli: Run) -> None:
    told = record(run_cli)
    assert told["versions"]["adain"] == adain.__version__
    assert told["versions"]["torch"] == torch.__version__.split("+")[0]
    assert set(told["versions"]) == {"adain", "python", *info.DISTRIBUTIONS}
    assert told["torch_problem"] is None
    assert told["cpu"]["threads"] == torch.get_num_threads()
    assert 0 < told["memory"]["free"] <= told["memory"]["total"]
    assert len(told["devices"]) == torch.cuda.device_count() + torch.backends.mps.is_available()
    assert {(m["model"], m["part"]): m["problem"] for m in told["models"]} == {
        (name, part): None for name, model in nn.registry().items() for part, _ in model.parts()
    }


def test_for_people(run_cli: Run) -> None:
    text = run_cli("info").stdout
    for line in (f"adain        {adain.__version__}\n", "model        fast decoder: good\n", " GB free\n"):
        assert line in text
    assert "None" not in text


def test_what_is_absent_or_damaged_is_said(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(entry: nn.WeightsFile) -> bytes:
        raise WeightsError(f"{Path.home()}/weights/{entry.file} is damaged")

    monkeypatch.setattr(nn, "read_verified", damaged)
    monkeypatch.setitem(info.DISTRIBUTIONS, "kornia", ("no-such-distribution",))
    text = run_cli("info").stdout
    assert "kornia       not installed\n" in text
    assert "vgg19 encoder: ~/weights/vgg19.safetensors is damaged\n" in text
    assert record(run_cli)["versions"]["kornia"] is None

    def no_registry() -> dict[str, nn.Model]:
        raise WeightsError("manifest.json is damaged: install adain again")

    monkeypatch.setattr(nn, "registry", no_registry)
    assert "manifest.json is damaged" in run_cli("info").stdout


def test_nothing_personal(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(adain.__file__).parents[1]
    monkeypatch.setenv("HOME", str(home))
    assert record(run_cli)["folders"]["package"] == "~/adain"
    assert str(home) not in run_cli("info").stdout
    monkeypatch.setenv("HOME", "/")
    assert info.shorten("/a/b") == "/a/b"
    monkeypatch.setenv("HOME", "/home/ann")
    assert [info.shorten(p) for p in ("/home/ann", "/home/ann/x", "/home/anna/x", "in /home/ann/y: no")] == [
        "~", "~/x", "/home/anna/x", "in ~/y: no",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("absence", "problem"), [("None", None), ("Broken()", "torch cannot be imported: no libtorch")]
)
def test_without_torch_the_rest_is_told(absence: str, problem: str | None) -> None:
    told = python(
        f"""
import sys
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise OSError("no libtorch")
if {absence} is None:
    sys.modules["torch"] = None
else:
    sys.meta_path.insert(0, Broken())
from adain.cli import main
main(["info", "--json"])
"""
    )
    assert told["torch_problem"] == problem
    assert told["devices"] == []
    assert told["cpu"]["threads"] is None
    assert all(model["problem"] is None for model in told["models"])
    assert told["memory"]["total"] >= told["memory"]["free"] > 0
