"""The page without a server in Firefox: on a host with and without threads, and from a disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.hosting import Host
from tests.conftest import noise_image

from .firefox import Firefox, firefox, launched, need_firefox, wait
from .web_browser import levels, library

pytestmark = pytest.mark.slow

WAVE, GALETTE = "gallery-great-wave", "gallery-moulin-galette"

PAINTED = "Number(document.body.dataset.painted || 0) > {} && !document.body.dataset.busy"

SEND = """new Promise((told) => {
    const code = "fetch('http://192.0.2.1/worker', {mode: 'no-cors'})" +
        ".then(() => postMessage('sent'), () => postMessage('refused'))";
    const worker = new Worker(URL.createObjectURL(new Blob([code], {type: "text/javascript"})));
    worker.onmessage = ({data}) => told(data);
    fetch("http://192.0.2.1/page", {mode: "no-cors"}).then(() => told("sent"), () => {});
})"""


USER = """<!doctype html><meta charset="utf-8"><title>user</title>
<iframe src="index.html" width="1000" height="800"></iframe>
<script type="module">
const frame = document.querySelector("iframe");
const until = async (is) => { while (!is()) await new Promise((done) => setTimeout(done, 50)); };
const find = (selector) => frame.contentDocument?.querySelector(selector);
const tell = (what) => fetch(`told/${encodeURIComponent(JSON.stringify(what))}`);
const use = async () => {
    await until(() => find("#gallery [data-style]"));
    const canvas = new OffscreenCanvas(181, 147);
    canvas.getContext("2d").fillRect(20, 20, 90, 60);
    const given = new DataTransfer();
    given.items.add(new File([await canvas.convertToBlob()], "photo.png", { type: "image/png" }));
    find("#content-input").files = given.files;
    find("#content-input").dispatchEvent(new Event("change", { bubbles: true }));
    await until(() => !find("#view").hidden);
    find("#gallery [data-style]").click();
    const { dataset } = frame.contentDocument.body;
    await until(() => Number(dataset.painted) > 0 && !dataset.busy);
    find("#finish").click();
    await until(() => find("#download").offsetParent);
    const made = await createImageBitmap(await (await fetch(find("#download").href)).blob());
    return [frame.contentWindow.crossOriginIsolated, made.width, made.height];
};
use().then(tell, (error) => tell(String(error)));
</script>"""
"""A page that uses that of the site, which lies beside it, and tells the host what has come of it."""


def begun(page: Firefox, picture: Path, *styles: str) -> None:
    page.set_files("#content-input", picture)
    page.wait("!document.querySelector('#view').hidden")
    for style in styles:
        before = page.evaluate("Number(document.body.dataset.painted || 0)")
        page.click(f'#gallery [data-style="{style}"]')
        page.wait(PAINTED.format(before))


@pytest.mark.parametrize("way", ["isolated", "plain", "file"])
def test_from_a_photograph_to_a_file(web_site: Path, web_file: Path, tmp_path: Path, way: str) -> None:
    need_firefox()
    picture = tmp_path / "my photo.png"
    noise_image(181, 147, 4).save(picture)
    with Host(web_site, is_isolated=way == "isolated") as host, firefox(tmp_path / "browser", host) as page:
        page.open(web_file.as_uri() if way == "file" else f"{host.address}/")
        if way == "plain":  # which its service worker isolates, by loading it once more
            page.wait("crossOriginIsolated && document.querySelector('#gallery [data-style]')")
        assert page.evaluate("crossOriginIsolated") == (way != "file")
        begun(page, picture, WAVE, GALETTE)
        page.click("#finish")
        page.wait("document.querySelector('#download')?.offsetParent")
        page.click("#download")
        name = page.evaluate("document.querySelector('#download').download")
        page.click("#copy-command")
        page.wait("document.querySelector('#command-shell').textContent.includes('adain stylize')")
        line = page.evaluate("document.querySelector('#command-shell').textContent")
        made, got = library(line, tmp_path)(name), levels(page.downloaded(name))
        assert made.shape == got.shape
        assert np.abs(made - got).max() <= 1
        assert page.said == []
        assert page.evaluate(SEND) == "refused"
        assert [each for each in host.abroad if "192.0.2.1" in each] == []
        here = (f"{host.address}/", "file:", "blob:", "data:", "http://192.0.2.1/")
        assert [each for each in page.asked if not each.startswith(here)] == []
        assert json.loads(page.evaluate("JSON.stringify([document.cookie, localStorage.length])")) == ["", 0]


def test_in_threads(web_site: Path, tmp_path: Path) -> None:
    """Without WebDriver, see ONE_CORE."""
    need_firefox()
    site = shutil.copytree(web_site, tmp_path / "site")
    (site / "user.html").write_text(USER)

    def told() -> list[str]:
        return [each.removeprefix("told/") for each in host.asked if each.startswith("told/")]

    with Host(site, is_isolated=True) as host, launched(tmp_path / "browser", host, f"{host.address}/user.html"):
        wait(lambda: bool(told()), "a finished picture", lambda: f"asked for: {host.asked}")
        assert [json.loads(each) for each in told()] == [[True, 181, 147]]
