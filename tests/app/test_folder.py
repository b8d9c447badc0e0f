from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from adain.app.folder import OwnFolder, sweep
from tests.conftest import ROOT

pytest.importorskip("fcntl")


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_what_a_killed_server_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    code = (
        "import os, tempfile; from adain.app.folder import OwnFolder; own = OwnFolder();"
        "(own.path / 'sub').mkdir(); (own.path / 'sub' / 'x').touch(); print(own.path, flush=True); os._exit(9)"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    killed = Path(told.stdout.strip())
    assert told.returncode == 9
    assert killed.parent == tmp_path
    assert (killed / "sub" / "x").is_file()
    living = OwnFolder()
    assert not killed.exists()
    sweep()
    assert living.path.is_dir()
    living.remove()
    assert not living.path.exists()
    living.remove()


def test_only_what_is_surely_ours_is_swept(tmp_path: Path) -> None:
    strange = tmp_path / "adain-app-made-just-now"  # and not locked yet
    strange.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (tmp_path / "adain-app-link").symlink_to(elsewhere)
    linked = tmp_path / "adain-app-lock"
    linked.mkdir()
    (linked / "lock").symlink_to(elsewhere / "lock")
    sweep()
    assert strange.is_dir()
    assert (elsewhere / "lock").is_file()
    assert linked.is_dir()


def test_the_folder_goes_with_its_owner() -> None:
    own = OwnFolder()
    path = own.path
    del own
    assert not path.exists()


def test_what_is_written_while_it_is_removed_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    own, remove, times = OwnFolder(), shutil.rmtree, []

    def interrupted(path: Path, **how: bool) -> None:
        times.append(path)
        remove(path, **how)
        if len(times) == 1:
            path.mkdir()
            (path / "late").touch()

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    own.remove()
    assert not own.path.exists()
    assert len(times) == 2
