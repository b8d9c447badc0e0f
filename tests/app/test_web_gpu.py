"""Encoder and decoder by WebGPU in a browser, compared with the library; a device that is emulated does for that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adain.app.offline.bundle import bundled
from adain.app.offline.modules import modules
from adain.app.offline.networks import network_files
from adain.backends.storage import round_filters
from adain.nn import load_decoder, load_encoder
from benchmarks.serving import launch

from .browser import need_browser
from .computing import WEB, Computing, serving

pytestmark = pytest.mark.slow

STORAGE = "fp16"

SOFTWARE = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
"""A device for every browser that brings one with it."""

SIZES = {
    "fast": ((64, 96), (51, 77), (16, 17), (130, 37)),
    "vgg19": ((32, 48), (35, 21), (16, 17)),
    "classic": ((32, 48), (19, 21)),
}
"""Heights and widths of pictures; the last ones of many have cells in part."""

FILES = """
    const bytes = async (path) => (await fetch(path)).arrayBuffer();
    const files = async (model) => ({
        network: await (await fetch(`/model/${model}/network.json`)).json(),
        weights: await bytes(`/model/${model}/weights.bin`),
    });
    const opened = async (model) => (await import("/web/model.js")).readModel(await files(model));
    const binaries = async () => ({
        relaxed: await bytes("/web/kernel/kernel-relaxed.wasm"),
        plain: await bytes("/web/kernel/kernel.wasm"),
    });
"""

LATER = """
    const { openWasm } = await import("/web/wasm-networks.js");
    const { ChosenNetworks } = await import("/web/gpu-choice.js");
    const model = await opened("fast");
    const kernel = await openWasm(model, await binaries(), {threads: 1});
    const {requestDevice} = GPUAdapter.prototype;
    let owner;
    GPUAdapter.prototype.requestDevice = async function (wish) { return owner = await requestDevice.call(this, wish); };
    const device = await module.openGpu(model, {isSoftware: true});
    GPUAdapter.prototype.requestDevice = requestDevice;
    const networks = new ChosenNetworks(kernel, async () => device, () => performance.now());
    await networks.take();
    const isTaken = networks.kind === "webgpu" && networks.bytes > kernel.bytes;
    const pixels = Float32Array.from({length: 3 * 96 * 80}, () => Math.random());
    BEFORE
    const pending = networks.encode(pixels, 96, 80);
    MEANWHILE
    const features = await pending;
    const known = await kernel.encode(pixels, 96, 80);
    const isRight = features.length === known.length && features.every((value, k) => value === known[k]);
    return {isTaken, isRight, kind: networks.kind};
"""

FAILS = """
    const {mapAsync} = GPUBuffer.prototype;
    GPUBuffer.prototype.mapAsync = async () => { throw new DOMException("lost", "AbortError"); };
"""
"""What is told of a device that is lost as it works; to destroy an emulated one then hangs Chromium at times."""

REFUSES = """
    const {createBuffer} = GPUDevice.prototype;
    GPUDevice.prototype.createBuffer = function ({size, usage}) {
        const isRefused = size > 96 * 80 * 16 && usage & GPUBufferUsage.STORAGE;
        return createBuffer.call(this, {size: isRefused ? 2 ** 50 : size, usage});
    };
"""
"""A device that refuses one buffer goes on, and gives zeros."""


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each model."""
    folder = tmp_path_factory.mktemp("models")
    for model in SIZES:
        (folder / model).mkdir()
        for name, data in network_files(load_encoder(model), load_decoder(model), STORAGE).items():
            (folder / model / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def computing(networks: Path) -> Iterator[Computing]:
    need_browser()
    from playwright.sync_api import sync_playwright

    with serving({"web": WEB, "model": networks}) as address, sync_playwright() as playwright:
        browser = launch(playwright, *SOFTWARE)
        made = Computing(browser.new_page(), f"{address}/")
        if not made.page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
            pytest.skip("needs a browser with WebGPU")
        yield made
        browser.close()
        assert made.faults == []


def run(computing: Computing, body: str, given: Any = None) -> Any:
    return computing.run("gpu-networks", f"(async () => {{{FILES}{body}}})()", given)


@pytest.mark.parametrize("model", SIZES)
def test_features_and_pixels_are_the_library_s(computing: Computing, model: str) -> None:
    encoder, decoder = load_encoder(model).float(), load_decoder(model).float()
    round_filters(encoder, STORAGE)
    round_filters(decoder, STORAGE)
    pictures = [torch.rand(1, 3, height, width) for height, width in SIZES[model]]
    with torch.no_grad():
        known = [encoder.features(picture) for picture in pictures]
        drawn = [decoder(features).clamp(0, 1) for features in known]
    found = run(
        computing,
        """
        const networks = await module.openGpu(await opened(given.model), {isSoftware: true});
        const made = [];
        for (const [pixels, height, width, features, rows, columns] of given.pictures) {
            const encoded = await networks.encode(pixels, height, width);
            made.push({encoded, decoded: await networks.decode(features, rows, columns)});
        }
        const taken = networks.bytes;
        networks.close();
        return {...made, taken};
        """,
        {
            "model": model,
            "pictures": [
                [picture.numpy().ravel(), *picture.shape[2:], features.numpy().ravel(), *features.shape[2:]]
                for picture, features in zip(pictures, known, strict=True)
            ],
        },
    )
    assert found["taken"] > sum(filters.nbytes for filters in encoder.state_dict().values())
    for k, (features, picture) in enumerate(zip(known, drawn, strict=True)):
        off = np.abs(found[str(k)]["encoded"] - features.numpy().ravel()).max()
        assert off < 1e-3 * features.abs().max().item()
        assert np.abs(found[str(k)]["decoded"] - picture.numpy().ravel()).max() < 1e-4


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        (FAILS, "await pending; GPUBuffer.prototype.mapAsync = mapAsync;"),
        ("owner.destroy();", ""),
        (REFUSES, "GPUDevice.prototype.createBuffer = createBuffer;"),
    ],
    ids=["lost", "lost before", "no memory"],
)
def test_a_device_that_fails_is_stood_in_for(computing: Computing, before: str, meanwhile: str) -> None:
    body = LATER.replace("BEFORE", before).replace("MEANWHILE", meanwhile)
    assert run(computing, body) == {"isTaken": True, "isRight": True, "kind": "wasm"}


def test_a_device_is_taken_at_a_rest_where_the_kernel_takes_longer(computing: Computing) -> None:
    found = run(
        computing,
        """
        const { openWasm } = await import("/web/wasm-networks.js");
        const { ChosenNetworks } = await import("/web/gpu-choice.js");
        // An emulated device on a busy machine takes longer than patience lasts.
        const later = globalThis.setTimeout;
        globalThis.setTimeout = (call, wait) => later(call, wait < 1000 ? wait : 100_000);
        const model = await opened("fast");
        const kernel = await openWasm(model, await binaries(), {threads: 1});
        let now = 0; // which passes as the kernel computes, and not else
        const slow = (call) => async (...given) => (now += 1000, kernel[call](...given));
        const slower = {kind: "wasm", bytes: 0, encode: slow("encode"), decode: slow("decode")};
        const device = await module.openGpu(model, {isSoftware: true});
        const networks = new ChosenNetworks(slower, async () => device, () => now);
        const pixels = Float32Array.from({length: 3 * 40 * 48}, () => Math.random());
        const before = await networks.encode(pixels, 40, 48);
        const kinds = [networks.kind];
        while (!networks.isSettled) await new Promise((resolve) => setTimeout(resolve, 50));
        const after = await networks.encode(pixels, 40, 48);
        kinds.push(networks.kind);
        const largest = before.reduce((most, value) => Math.max(most, value), 0);
        const off = before.reduce((most, value, k) => Math.max(most, Math.abs(value - after[k])), 0);
        return {kinds: kinds.join(), off: off / largest, isSame: off === 0};
        """,
    )
    assert found["kinds"] == "wasm,webgpu"
    assert found["off"] < 1e-5
    assert not found["isSame"]  # the kernel's, to the bit, would have come from it


def test_an_emulated_device_is_not_taken(computing: Computing) -> None:
    found = run(
        computing,
        """
        const { openNetworks } = await import("/web/networks.js");
        const given = {model: await files("fast"), binaries: await binaries(), threads: 1, isGpuFaster: true};
        return {kind: (await openNetworks(given)).kind, device: await module.openGpu(await opened("fast"))};
        """,
    )
    assert found == {"kind": "wasm", "device": None}


def test_a_worker_of_one_piece_computes(computing: Computing) -> None:
    """As a page from a disk has it: a script, no module."""
    texts = {path: text for path, text in modules().items() if path.startswith("web/")}
    entry = """import { openGpu } from "./gpu-networks.js";
import { readModel } from "./model.js";
self.onmessage = async ({ data: { files, pixels } }) => {
  const networks = await openGpu(readModel(files), { isSoftware: true });
  self.postMessage(await networks.encode(pixels, 24, 16));
};
"""
    code = bundled({**texts, "web/tried-worker.js": entry}, "web/tried-worker.js")
    picture = torch.rand(1, 3, 24, 16)
    encoder = load_encoder("fast").float()
    round_filters(encoder, STORAGE)
    with torch.no_grad():
        known = encoder.features(picture).numpy().ravel()
    found = run(
        computing,
        """
        const address = URL.createObjectURL(new Blob([given.code], {type: "text/javascript"}));
        const worker = new Worker(address);
        worker.postMessage({files: await files("fast"), pixels: given.pixels});
        const features = await new Promise((resolve, reject) => {
            worker.onmessage = ({data}) => resolve(data);
            worker.onerror = ({message}) => reject(new Error(message));
        });
        worker.terminate();
        return {features};
        """,
        {"code": code, "pixels": picture.numpy().ravel()},
    )
    assert np.abs(found["features"] - known).max() < 1e-3 * known.max()
