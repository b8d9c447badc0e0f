from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adain import InputError
from adain._utils.locks import hold

pytest.importorskip("fcntl")


def test_one_at_a_time(tmp_path: Path) -> None:
    with hold(tmp_path, "a.mp4"), pytest.raises(InputError, match=r"another process is making a\.mp4: wait for it"):
        hold(tmp_path, "a.mp4")
    hold(tmp_path, "a.mp4").close()


def test_one_that_is_killed_lets_go(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from adain._utils.locks import hold\n"
    code += "held = hold(Path(sys.argv[1]), 'a'); print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(InputError):
        hold(tmp_path, "b")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    hold(tmp_path, "b").close()


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with hold(tmp_path, "a"):
        hold(tmp_path, "a").close()
