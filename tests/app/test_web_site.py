"""What ``adain export --web`` writes: its files, what they name, and what is refused."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from starlette.testclient import TestClient

from adain import InputError, MissingFileError, Stylizer
from adain._utils.resources import weights_dir
from adain.app import SiteFiles, export_site
from adain.app.offline import site as site_module
from adain.app.offline.modules import IMPORT
from adain.app.offline.site import KERNEL
from adain.backends import SAME
from tests.conftest import noise_image, one_line_error

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def fast() -> Stylizer:
    return Stylizer.from_pretrained("fast", device="cpu")


@pytest.fixture(scope="module")
def artworks(fast: Stylizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that tells where it was taken, styles of this model and of another, and what is no picture."""
    folder = tmp_path_factory.mktemp("artworks")
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "The Camera"
    noise_image(1200, 1100, 1).save(folder / "large.jpg", exif=exif)
    fast.encode_style(noise_image(64, 64, 2)).save(folder / "saved.style.safetensors")
    Stylizer.from_pretrained("classic").encode_style(noise_image(64, 64)).save(folder / "classic.safetensors")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def made(artworks: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SiteFiles]:
    folder = tmp_path_factory.mktemp("site") / "new"
    return folder, export_site(folder, artworks=artworks)


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("one") / "page.html"
    assert export_site(path).files == (path,)
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]
    return path.read_text("utf-8")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def policy_of(text: str) -> dict[str, str]:
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert found is not None
    assert text.index(found[0]) < min(text.index("<link"), text.index("<script"), text.index("<title"))
    return dict(each.strip().split(" ", 1) for each in found[1].split(";"))


def test_the_files(made: tuple[Path, SiteFiles]) -> None:
    folder, site = made
    files = files_of(folder)
    assert {folder / name for name in files} == set(site.files)
    assert site.size == sum(map(len, files.values()))
    assert site.psnr == SAME  # its filters ship in 16 bits
    assert {name for name in files if name.endswith(".wasm")} == {f"kernel/{name}" for name in KERNEL}
    assert sum(len(files[f"kernel/{name}"]) for name in KERNEL) < 100_000
    assert len(files["model/weights.bin"]) < 700_000
    text = sum(len(data) for name, data in files.items() if name.endswith((".js", ".css", ".html", ".json")))
    assert text < 600_000
    assert sum(map(len, files.values())) < 4_500_000


def test_everything_that_is_named_is_there_and_nothing_of_elsewhere(made: tuple[Path, SiteFiles]) -> None:
    files = files_of(made[0])
    named = {"index.html": re.findall(r'(?:src|href)="([^"]+)"', files["index.html"].decode())}
    named["manifest.webmanifest"] = [each["src"] for each in json.loads(files["manifest.webmanifest"])["icons"]]
    for name, data in files.items():
        if name.endswith(".js"):
            named[name] = [match["name"] for match in IMPORT.finditer(data.decode())]
        if name.endswith(".css"):
            assert b"url(" not in data
            assert b"@import" not in data
    for name, others in named.items():
        for other in others:
            assert not other.startswith(("/", "http:", "https:", "//")), (name, other)
            assert urljoin(f"http://host/deep/{name}", other).removeprefix("http://host/deep/") in files, (name, other)
    ours = (".js", ".css", ".html", ".webmanifest")
    for name, data in files.items():
        if name.endswith(ours):
            addresses = set(re.findall(r"https?://[^\"'\s<>)]+", data.decode()))
            assert addresses <= {"http://www.w3.org/2000/svg"}, (name, addresses)


def test_the_setup_is_the_servers(made: tuple[Path, SiteFiles], client: TestClient) -> None:
    ours = json.loads((made[0] / "setup.json").read_bytes())
    theirs = client.get("/setup").json()
    for each in theirs["files"].values():
        each["formats"] = [name for name in each["formats"] if name in ours["formats"]]
    for key in ("version", "options", "files", "limits"):
        assert ours[key] == theirs[key], key
    assert ours["formats"][0] == theirs["formats"][0]  # which is taken where nobody says
    assert set(ours) == set(theirs)
    assert ours["models"] == ["fast"]
    assert ours["preview"] == {"model": "fast", "size": theirs["preview"]["size"]}
    shipped = [each for each in ours["styles"] if each["source"] == "gallery"]
    assert shipped == theirs["styles"]
    for ours_, theirs_ in zip(ours["contents"], theirs["contents"], strict=True):
        assert ours_ | theirs_ == ours_
        known = client.get(f"/contents/{theirs_['id']}").json()
        assert ours_ | known == ours_


def test_the_gallery(made: tuple[Path, SiteFiles], fast: Stylizer, artworks: Path) -> None:
    folder, site = made
    gallery = json.loads((folder / "gallery/gallery.json").read_bytes())
    statistics = np.frombuffer((folder / "gallery/statistics.bin").read_bytes(), "<f4")
    statistics = statistics.reshape(len(gallery), 2, fast.encoder.feature_channels)
    assert [each["id"] for each in gallery][-2:] == ["folder-3", "folder-4"]
    sources = {"gallery-great-wave": "great-wave", "folder-3": folder / "gallery/folder-3.jpg"}
    for entry, (mean, std) in zip(gallery, statistics, strict=True):
        if entry["id"] in sources:
            style = fast.encode_style(sources[entry["id"]])
            np.testing.assert_allclose(mean, style.mean.ravel(), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(std, style.std.ravel(), rtol=1e-5, atol=1e-6)
        with Image.open(folder / entry["thumb"]) as thumb:
            assert min(thumb.size) <= 160
        if entry["picture"] is not None:
            assert entry["size"] == 512
            with Image.open(folder / entry["picture"]) as picture:
                assert min(picture.size) <= 1024
                if entry["source"] == "folder":
                    assert not picture.getexif()  # neither place nor camera
                else:
                    assert picture.size == (entry["width"], entry["height"])
    assert gallery[-1]["picture"] is None
    assert gallery[-1]["name"] == "saved.style.safetensors"
    assert len(site.skipped) == 2
    assert any("broken.png" in line for line in site.skipped)
    assert any("512 channels" in line and "384" in line for line in site.skipped)


def test_the_service_worker_knows_every_file(made: tuple[Path, SiteFiles]) -> None:
    files = files_of(made[0])
    text = files["service-worker.js"].decode()
    constants = {name: json.loads(value) for name, value in re.findall(r"^const ([A-Z]+) = (.*?);$", text, re.M | re.S)}
    digests = constants["FILES"]
    assert set(digests) == set(files) - {"service-worker.js", "site.json"}
    for name, digest in digests.items():
        assert digest == f"sha256-{base64.b64encode(hashlib.sha256(files[name]).digest()).decode()}"
    assert constants["VERSION"]
    assert constants["HEADERS"]["Cross-Origin-Opener-Policy"] == "same-origin"
    assert constants["HEADERS"]["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_the_page_is_bound(made: tuple[Path, SiteFiles], one_file: str) -> None:
    site = policy_of((made[0] / "index.html").read_text("utf-8"))
    one = policy_of(one_file)
    for policy in (site, one):
        assert policy["default-src"] == "'none'"
        assert "'unsafe-inline'" not in " ".join(policy.values())
        assert "'unsafe-eval'" not in policy["script-src"].split()
    assert site["connect-src"] == "'self' blob:"
    assert one["connect-src"] == "'none'"
    assert "'self'" not in " ".join(one.values())
    assert not re.search(r"<[^>]* (?:style|on\w+)=", (made[0] / "index.html").read_text("utf-8"))


def test_one_file_holds_everything(one_file: str) -> None:
    assert not re.search(r'(?:src|href)="(?!data:|#)', one_file.partition('<script type="text/plain"')[0])
    policy = policy_of(one_file)
    for kind, element in {
        "script-src": r'<script type="module">(.*?)</script>',
        "style-src": r"<style>(.*?)</style>",
    }.items():
        (text,) = re.findall(element, one_file, re.DOTALL)
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy[kind]
    held = {}
    for path, packing, letters in re.findall(
        r'<script type="text/plain" data-file="([^"]+)" data-type="[^"]+"( data-packed="gzip")?>([^<]*)</script>',
        one_file,
    ):
        data = base64.b64decode(letters, validate=True)
        held[path] = gzip.decompress(data) if packing else data
    assert {f"kernel/{name}" for name in KERNEL} <= set(held)
    assert {
        "setup.json",
        "model/network.json",
        "model/weights.bin",
        "gallery/statistics.bin",
        "web/compute-worker.js",
    } <= set(held)
    licences = held["LICENSES.txt"].decode()
    assert all(text in licences for text in ("MIT License", "Katsushika Hokusai"))
    assert len(one_file) < 4_500_000


def test_the_licences_lie_beside(made: tuple[Path, SiteFiles]) -> None:
    files = files_of(made[0])
    assert b"Katsushika Hokusai" in files["LICENSES.txt"]
    assert b'id="licences"' in files["index.html"]


def test_again(tmp_path: Path) -> None:
    """The same command brings a site up to date; what is not of the site stays."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "CNAME").write_text("example.org")
    art = tmp_path / "art"
    art.mkdir()
    noise_image(64, 64).save(art / "a.png")
    export_site(folder, artworks=art)
    assert (folder / "gallery/folder-1.jpg").is_file()
    export_site(folder)
    assert not (folder / "gallery/folder-1.jpg").exists()
    assert (folder / "CNAME").read_text() == "example.org"
    again = files_of(folder)
    export_site(folder)
    assert files_of(folder) == again  # to the byte: what a host has needs no new upload


def test_what_an_older_page_had_goes_with_its_folders(tmp_path: Path) -> None:
    before = {"index.html": "old", "runtime/deep/ort.mjs": "old", "model/encoder.onnx": "old", "web/mine.txt": "mine"}
    for name, text in before.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "site.json").write_text(json.dumps({"files": [name for name in before if name != "web/mine.txt"]}))
    made = export_site(tmp_path)
    assert set(files_of(tmp_path)) == {each.relative_to(tmp_path).as_posix() for each in made.files} | {"web/mine.txt"}
    assert not (tmp_path / "runtime").exists()


def test_a_site_that_was_broken_off_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = site_module.atomic_path

    def full(path: Path) -> AbstractContextManager[Path]:
        if path.name == "setup.json":
            raise InputError("the disk is full")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(site_module, "atomic_path", full)
        with pytest.raises(InputError, match="the disk is full"):
            export_site(tmp_path)
    assert not (tmp_path / "index.html").exists()
    made = export_site(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in made.files} == set(files_of(tmp_path))


def test_what_is_not_ours_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(InputError, match=r"index\.html is there, and not of a site"):
        export_site(tmp_path)
    assert files_of(tmp_path) == {"index.html": b"mine"}
    (tmp_path / "index.html").unlink()
    (tmp_path / "site.json").write_text("{}")
    with pytest.raises(InputError, match=r"site\.json is no list of a site's files"):
        export_site(tmp_path)
    (tmp_path / "site.json").write_text('{"files": ["../kept", "/kept"]}')
    (tmp_path.parent / "kept").write_text("kept")
    export_site(tmp_path)
    assert (tmp_path.parent / "kept").read_text() == "kept"


def test_refusals_are_one_line(run_cli: Run, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (tmp_path / "file").touch()
    for words, line in {
        "either -o": one_line_error(run_cli("export")),
        "--web, for a page": one_line_error(run_cli("export", "-o", tmp_path / "m", "--web", site)),
        "--artworks is of a page: give --web in place of -o": one_line_error(
            run_cli("export", "-o", tmp_path / "m", "--artworks", tmp_path)
        ),
        "--opset": one_line_error(run_cli("export", "--web", site, "--opset", 17)),
        "fp8": one_line_error(run_cli("export", "--web", site, "--storage", "fp8")),
        "no model": one_line_error(run_cli("export", "--web", site, "--model", "slow")),
        "no model ''": one_line_error(run_cli("export", "--web", site, "--model", "vgg19", "--preview-model", "")),
        "paintings": one_line_error(run_cli("export", "--web", site, "--artworks", tmp_path / "paintings")),
        "folders": one_line_error(run_cli("export", "--web", tmp_path / "file" / "site")),
    }.items():
        assert words in line, (words, line)
    assert not site.exists()
    assert not (tmp_path / "m").exists()
    with pytest.raises(MissingFileError):
        export_site(site, encoder=tmp_path / "none.safetensors")


def test_own_weights_are_called_by_their_files(tmp_path: Path) -> None:
    """As the copied command has to; a site says no folder of whoever made it."""
    for part in ("encoder", "decoder"):
        shutil.copyfile(weights_dir() / f"fast-{part}.safetensors", tmp_path / f"{part}.safetensors")
    own = {part: tmp_path / f"{part}.safetensors" for part in ("encoder", "decoder")}
    for given, called in (
        (own, {"encoder": "encoder.safetensors", "decoder": "decoder.safetensors"}),
        ({"decoder": own["decoder"]}, {"model": "fast", "decoder": "decoder.safetensors"}),
    ):
        export_site(tmp_path / "site", **given)
        setup = json.loads((tmp_path / "site" / "setup.json").read_bytes())
        assert setup["finish"] == {"model": "custom", "weights": called}


def test_the_command(run_cli: Run, tmp_path: Path) -> None:
    result = run_cli("export", "--web", tmp_path / "my site", "--storage", "int8")
    assert result.exit_code == 0, result.output
    assert re.match(r".*my site: \d+ files, \d+\.\d MB, \d+ dB PSNR to the model as it is\n", result.stdout)
    assert f"--directory '{tmp_path / 'my site'}'" in result.stdout
    assert json.loads((tmp_path / "my site/model/network.json").read_bytes())["storage"] == "int8"
