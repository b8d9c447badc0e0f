"""An option that is declared is everywhere: one line in one place, and nothing else is edited."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mypy import api

from tests.conftest import ROOT

MADE_UP = '    sparkle: float = option(0.0, "Stars over the picture.", low=0, high=1, group="colour")\n'

ASK = """
import inspect, json
from pathlib import Path
import adain
from adain.batch import FolderOptions
from adain.batch.ray import RayOptions, plan_dataset, stylize_dataset
from adain.batch.folder import Folder
from adain.cli.main import main
from adain.options import Options, table
from adain.video import VideoOptions
from adain.video.resume import settings_of
from click.testing import CliRunner

functions = (adain.Stylizer.stylize, adain.OnnxStylizer.stylize, adain.stylize_folder, adain.stylize_video,
             adain.refine, stylize_dataset)
helps = {name: CliRunner().invoke(main, [name, "--help"]).output for name in ("stylize", "video", "refine")}
given, plain = FolderOptions(sparkle=0.5), FolderOptions()

def prints(options):
    folder = Folder.plan("photo.jpg", "art.jpg", "out", options)
    return folder.order.fingerprint(folder.tasks[0].job)

refused = CliRunner().invoke(main, ["stylize", "photo.jpg", "art.jpg", "--sparkle", "2"])
print(json.dumps({
    "helps": {name: "--sparkle" in text for name, text in helps.items()},
    "keywords": [str(inspect.signature(f).parameters.get("sparkle")) for f in functions],
    "table": [line for line in table(Options).split("\\n") if "sparkle" in line],
    "text": RayOptions(sparkle=0.5, actors=2).to_json(),
    "read": RayOptions.from_json(RayOptions(sparkle=0.5).to_json()).sparkle,
    "video": [settings_of(VideoOptions(sparkle=x))["sparkle"] for x in (0.0, 0.5)],
    "prints": [prints(plain), prints(given)],
    "refused": str(getattr(refused.exception, "message", refused.exception)) + refused.output,
}))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library in which ``Options`` has one field more."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("adain", "cli"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "weights", "samples"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("photo.jpg", "art.jpg"):
        shutil.copy(ROOT / "samples" / "content" / "astronaut.jpg", folder / name)
    path = folder / "adain" / "options.py"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r"^    crop: bool = option\(", MADE_UP + r"\g<0>", text, count=1, flags=re.MULTILINE)
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def answers(checkout: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", ASK]
    result = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_the_help_of_commands(answers: dict[str, Any]) -> None:
    assert answers["helps"] == {"stylize": True, "video": True, "refine": True}


def test_the_keywords_of_functions(answers: dict[str, Any]) -> None:
    assert len(answers["keywords"]) == 6
    assert set(answers["keywords"]) == {"sparkle: 'float' = 0.0"}


def test_the_table_of_the_documentation(answers: dict[str, Any]) -> None:
    assert len(answers["table"]) == 1
    assert "`--sparkle`" in answers["table"][0]
    assert "Stars over the picture." in answers["table"][0]


def test_what_the_workers_of_ray_are_told(answers: dict[str, Any]) -> None:
    assert json.loads(answers["text"]) == {"sparkle": 0.5, "actors": 2}
    assert answers["read"] == 0.5


def test_what_a_resumed_video_and_a_folder_depend_on(answers: dict[str, Any]) -> None:
    assert answers["video"][0] != answers["video"][1]
    assert answers["prints"][0] != answers["prints"][1]


def test_its_range_is_checked(answers: dict[str, Any]) -> None:
    assert "between 0 and 1" in answers["refused"]


@pytest.mark.slow
def test_the_types_of_keywords(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippet = checkout / "snippet.py"
    snippet.write_text(
        "import adain\n"
        "stylizer = adain.Stylizer.from_pretrained()\n"
        "stylizer.stylize('photo.jpg', 'art.jpg', sparkle=0.5)\n"
        "adain.stylize_folder('photos', 'arts', 'out', sparkle=0.5)\n"
        "stylizer.stylize('photo.jpg', 'art.jpg', sparkle='much')\n"
        "adain.stylize_folder('photos', 'arts', 'out', sparkle='much')\n"
        "adain.Options(sparkle='much')\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(checkout)
    if (ROOT / ".mypy_cache").is_dir():  # of the check of all modules: most are the same here
        shutil.copytree(ROOT / ".mypy_cache", checkout / ".mypy_cache")
    out, errors, _ = api.run(["--config-file", "setup.cfg", "snippet.py"])
    assert errors == ""
    wrong = sorted({int(line.split(":")[1]) for line in out.splitlines() if ": error:" in line})
    assert wrong == [5, 6, 7], out
