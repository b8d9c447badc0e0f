"""A page whose previews are the fast model's, and whose pictures are finished by the base model, or by either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adain import InputError, Stylizer
from adain.app import export_site
from benchmarks.hosting import Host
from tests.conftest import noise_image

from .browser import GALETTE, WAVE, begun, chromium
from .web_browser import KEPT, WebPage, levels, library, opened

__all__ = ["chromium"]

pytestmark = pytest.mark.slow


COUNTING = """() => {
    const post = Worker.prototype.postMessage;
    globalThis.encoded = 0;
    Worker.prototype.postMessage = function (message, ...how) {
        if (message?.call === "encodeStyle") encoded++;
        return post.call(this, message, ...how);
    };
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    (folder / "art").mkdir()
    Stylizer.from_pretrained("fast").encode_style(noise_image(64, 64, 2)).save(folder / "art" / "saved.safetensors")
    noise_image(90, 70, 3).save(folder / "art" / "own.png")
    export_site(folder / "site", "vgg19", preview_model="fast", artworks=folder / "art")
    return folder / "site"


@pytest.fixture
def page(chromium: Any, site: Path) -> Iterator[WebPage]:
    with Host(site, is_isolated=True) as host, opened(chromium, host) as made:
        yield made


def by(page: WebPage, model: str) -> None:
    page.page.click("#file-options summary")
    page.page.select_option("#model", model)


def finished(page: WebPage, folder: Path, model: str) -> Any:
    """The levels of the file, after seeing that the copied line, of that model, makes the same, to a level or two."""
    got = page.saved(folder)
    line = page.command(folder)
    assert f"--model {model}" in line
    made = library(line, folder)(got.name.removeprefix("saved "))
    off = np.abs(made - levels(got))
    assert off.max() <= (1 if model == "fast" else 2)  # as filters of 16 bits, the base model's are rounded
    assert off.mean() < 0.1
    return levels(got)


def test_it_is_finished_by_either(page: WebPage, picture: Path, tmp_path: Path) -> None:
    begun(page, picture, WAVE, GALETTE)
    assert not [each for each in page.server.asked if each.startswith("finish/")]  # which nobody has asked for
    fine = finished(page, tmp_path, "vgg19")
    by(page, "fast")
    assert np.abs(finished(page, tmp_path, "fast") - fine).mean() > 3


def test_artworks_of_all_kinds(page: WebPage, picture: Path, tmp_path: Path) -> None:
    """One of a folder, whose picture is written anew, and one that was opened, which the finishing worker encodes."""
    noise_image(100, 80, 7).save(tmp_path / "art.png")
    begun(page, picture, "folder-1")
    finished(page, tmp_path, "vgg19")
    with page.repainted():
        page.page.set_input_files("#style-input", tmp_path / "art.png")
    page.page.evaluate(COUNTING)
    for _ in range(2):
        finished(page, tmp_path, "vgg19")
    assert page.page.evaluate("encoded") == 1  # it was known the second time


def test_statistics_of_the_other_model(page: WebPage, picture: Path, tmp_path: Path) -> None:
    begun(page, picture, "folder-2")
    page.page.click("#finish")
    page.page.wait_for_function("() => document.querySelector('#message').textContent.trim() !== ''")
    assert "statistics for another model alone" in page.message()
    by(page, "fast")
    page.saved(tmp_path)


def test_what_finishes_is_kept_once_it_was_used(chromium: Any, site: Path, picture: Path, tmp_path: Path) -> None:
    later = """async () => (await Promise.all((await caches.keys()).map(async (name) =>
        (await (await caches.open(name)).keys()).map((each) => each.url)))).flat()
        .filter((url) => /finish/.test(url)).length"""
    with Host(site) as host, opened(chromium, host) as page:
        page.page.wait_for_function("() => crossOriginIsolated && document.querySelector('#gallery [data-style]')")
        begun(page, picture, WAVE)
        page.page.wait_for_function(KEPT.replace("=== wanted", "=== wanted - 3"))
        assert page.page.evaluate(later) == 0
        finished(page, tmp_path, "vgg19")
        assert page.page.evaluate(later) == 3
        host.stop()
        page.page.reload()
        page.page.wait_for_selector("#gallery [data-style]")
        begun(page, picture, GALETTE)
        finished(page, tmp_path, "vgg19")


def test_what_is_written(site: Path, tmp_path: Path) -> None:
    setup = json.loads((site / "setup.json").read_bytes())
    assert setup["models"] == ["fast", "vgg19"]
    assert (setup["preview"]["model"], setup["finish"]["model"]) == ("fast", "vgg19")
    assert "The model, vgg19" in (site / "LICENSES.txt").read_text("utf-8")
    with pytest.raises(InputError, match="name a faster one"):
        export_site(tmp_path / "site", "fast", preview_model="fast")
