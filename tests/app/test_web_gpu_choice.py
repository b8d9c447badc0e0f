"""Which of the kernel and a device computes in a browser, and who steps in; both are stubs, with their own clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .browser import chromium, need_browser  # noqa: F401
from .computing import WEB, Computing, serving

pytestmark = pytest.mark.slow

STUBS = """
    globalThis.later ??= setTimeout;
    globalThis.setTimeout = (act, after, ...given) => later(act, after < 3000 ? after : 0, ...given);
    const clock = {now: 0};
    const stub = (kind, rate, change = (values) => values) => ({
        kind, bytes: 100, calls: 0, isClosed: false,
        close() { this.isClosed = true; },
        async encode(pixels, height, width) {
            this.calls++;
            clock.now += rate * height * width / 1000;
            const [rows, columns] = [Math.ceil(height / 8), Math.ceil(width / 8)];
            const first = (_, k) => pixels[8 * Math.floor(k / columns) * width + 8 * (k % columns)];
            return change(Float32Array.from({length: rows * columns}, first), height * width);
        },
        async decode(features, rows, columns) {
            this.calls++;
            clock.now += rate * 64 * rows * columns / 1000;
            const [height, width] = [8 * rows, 8 * columns];
            const cell = (_, k) => {
                const [y, x] = [Math.floor(k / width) % height, k % width];
                return features[Math.floor(y / 8) * columns + Math.floor(x / 8)];
            };
            return change(Float32Array.from({length: 3 * height * width}, cell), height * width);
        },
    });
    const kernel = stub("wasm", 1);
    const known = stub("known", 0);
    const noise = (height, width) => Float32Array.from({length: 3 * height * width}, () => Math.random());
    const isSame = (found, expected) => found.length === expected.length && found.every((x, k) => x === expected[k]);
    const isRight = async (networks, height, width) => {
        const pixels = noise(height, width);
        const features = await known.encode(pixels, height, width);
        const [rows, columns] = [Math.ceil(height / 8), Math.ceil(width / 8)];
        const picture = await known.decode(features, rows, columns);
        const encoded = await networks.encode(pixels, height, width);
        return isSame(encoded, features) && isSame(await networks.decode(features, rows, columns), picture);
    };
    const settled = async (networks) => {
        while (!networks.isSettled) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    const told = [];
    const chosen = (device, open = async () => device) =>
        new module.ChosenNetworks(kernel, open, () => clock.now, (isFaster) => told.push(isFaster));
"""
"""Nobody's patience is long here: stubs answer before any timer, or never."""


@pytest.fixture(scope="module")
def computing(chromium: Any) -> Iterator[Computing]:  # noqa: F811
    need_browser()
    with serving({"web": WEB}) as address:
        made = Computing(chromium.new_page(), f"{address}/")
        yield made
        made.page.close()
        assert made.faults == []


def run(computing: Computing, body: str) -> Any:
    return computing.run("gpu-choice", f"(async () => {{{STUBS}{body}}})()")


def outcome(computing: Computing, device: str, opened: str = "async () => device") -> dict[str, Any]:
    """What is chosen, and whether pictures before and after it are right."""
    found: dict[str, Any] = run(
        computing,
        f"""
        const device = {device};
        const networks = chosen(device, {opened});
        const isRightBefore = await isRight(networks, 40, 51);
        const before = networks.kind;
        await settled(networks);
        const calls = device?.calls;
        const isRightAfter = await isRight(networks, 300, 403);
        const isUsed = device?.calls > calls;
        const {{kind}} = networks;
        return {{before, isRight: isRightBefore && isRightAfter, kind, isUsed, isClosed: device?.isClosed}};
        """,
    )
    assert found.pop("isRight")
    assert found.pop("before") == "wasm"
    return found


def test_a_device_that_is_right_and_faster_is_taken(computing: Computing) -> None:
    assert outcome(computing, "stub('webgpu', 0.5)") == {"kind": "webgpu", "isUsed": True, "isClosed": False}


@pytest.mark.parametrize(
    "device",
    [
        "stub('webgpu', 2)",
        "stub('webgpu', 0.5, (values) => values.map(() => Math.random()))",
        "stub('webgpu', 0.5, (values) => values.fill(NaN))",
        "stub('webgpu', 0.5, (values) => values.subarray(1))",
        "stub('webgpu', 0.5, () => { throw new Error('lost'); })",
        "stub('webgpu', 0.5, (values, area) => { if (area > 5000) throw new Error('no memory'); return values; })",
    ],
    ids=["slower", "noise", "no numbers", "too few", "fails", "fails for a larger one"],
)
def test_any_other_is_closed_and_the_kernel_computes(computing: Computing, device: str) -> None:
    assert outcome(computing, device) == {"kind": "wasm", "isUsed": False, "isClosed": True}


def test_without_a_device_the_kernel_computes(computing: Computing) -> None:
    assert outcome(computing, "null")["kind"] == "wasm"
    assert outcome(computing, "null", "() => Promise.reject(new Error('no device'))")["kind"] == "wasm"


def test_a_device_that_opens_too_late_is_closed(computing: Computing) -> None:
    found = run(
        computing,
        """
        const device = stub("webgpu", 0.5);
        let open;
        const networks = chosen(device, () => new Promise((resolve) => (open = () => resolve(device))));
        await isRight(networks, 40, 51);
        await settled(networks);
        open();
        await new Promise((resolve) => setTimeout(resolve));
        return {kind: networks.kind, isClosed: device.isClosed, told: told.join()};
        """,
    )
    assert found == {"kind": "wasm", "isClosed": True, "told": "false"}


def test_no_device_is_opened_before_there_is_a_rest(computing: Computing) -> None:
    found = run(
        computing,
        """
        let opened = 0;
        const networks = chosen(null, async () => { opened++; return null; });
        for (let k = 0; k < 20; k++) {
            await isRight(networks, 24, 24);
            await new Promise((resolve) => setTimeout(resolve, 30));
        }
        const before = opened;
        await settled(networks);
        await isRight(networks, 24, 24);
        await new Promise((resolve) => setTimeout(resolve, 400));
        return {before, after: opened};
        """,
    )
    assert found == {"before": 0, "after": 1}


def test_what_is_measured_beside_other_work_counts_for_nothing(computing: Computing) -> None:
    found = run(
        computing,
        """
        let asked = 0;
        const device = stub("webgpu", 0.5);
        const encode = device.encode;
        device.encode = async (pixels, height, width) => {
            if (height === 256 && asked++ < 2) await isRight(networks, 300, 300); // is waited for on one thread
            return encode.call(device, pixels, height, width);
        };
        const networks = chosen(device);
        await isRight(networks, 40, 51);
        await settled(networks);
        return {kind: networks.kind, asked};
        """,
    )
    assert found == {"kind": "webgpu", "asked": 3}


def test_a_device_that_is_known_to_be_faster_is_taken_at_once(computing: Computing) -> None:
    found = run(
        computing,
        """
        const [device, other] = [stub("webgpu", 2), stub("webgpu", 2, (values) => values.fill(0))];
        const networks = [chosen(device), chosen(other)];
        for (const each of networks) await each.take();
        return {kinds: networks.map(({kind}) => kind).join(), isRight: await isRight(networks[0], 90, 33)};
        """,
    )
    assert found == {"kinds": "webgpu,wasm", "isRight": True}


@pytest.mark.parametrize(
    "change",
    [
        "() => { throw new Error('lost'); }",
        "() => new Promise(() => {})",
        "(values) => values.fill(0)",
        "(values) => values.fill(0, values.length - 1)",
    ],
    ids=["fails", "never answers", "all wrong", "last number wrong"],
)
@pytest.mark.parametrize("call", ["encode", "decode"])
def test_a_device_that_fails_later_is_stood_in_for(computing: Computing, change: str, call: str) -> None:
    found = run(
        computing,
        f"""
        const device = stub("webgpu", 0.5);
        const networks = chosen(device);
        await networks.take();
        const first = [await isRight(networks, 90, 33), networks.kind];
        const whole = device.{call};
        device.{call} = async (...given) => ({change})(await whole.apply(device, given));
        const then = [await isRight(networks, 112, 57), networks.kind, device.isClosed];
        return {{seen: JSON.stringify([...first, ...then, await isRight(networks, 112, 57), told])}};
        """,
    )
    assert found == {"seen": '[true,"webgpu",true,"wasm",true,true,[true,false]]'}


def test_a_picture_too_large_for_a_device_is_the_kernel_s_and_others_are_not(computing: Computing) -> None:
    found = run(
        computing,
        """
        const { TooLarge } = await import("/web/gpu-buffers.js");
        const device = stub("webgpu", 0.5, (values, area) => {
            if (area > 20000) throw new TooLarge("so large");
            return values;
        });
        const networks = chosen(device);
        await networks.take();
        const seen = [await isRight(networks, 200, 200), await isRight(networks, 90, 33), networks.kind];
        return {seen: JSON.stringify(seen)};
        """,
    )
    assert found == {"seen": '[true,true,"webgpu"]'}


def test_what_a_device_cannot_bind_is_too_large_and_what_is_given_back_is_used_again(computing: Computing) -> None:
    found = computing.run(
        "gpu-buffers",
        """(async () => {
            let [made, destroyed] = [0, 0];
            const limits = {maxBufferSize: 4096, maxStorageBufferBindingSize: 1024};
            const createBuffer = ({size, usage}) => (made++, {size, usage, destroy() { destroyed++; }});
            const buffers = new module.Buffers({limits, createBuffer});
            const kept = buffers.take(64);
            const counts = [];
            for (const count of [100, 90, 30]) {
                await buffers.within(async () => buffers.give(buffers.take(count)));
                counts.push([made, destroyed, buffers.bytes]);
            }
            const told = await buffers.within(async () => buffers.take(257)).catch((error) => error);
            return {counts: JSON.stringify(counts), isTooLarge: told instanceof module.TooLarge, left: buffers.bytes};
        })()""",
    )
    # A third of the room is too much room: it is let go, as it was not used.
    assert found["counts"] == "[[2,0,656],[2,0,656],[3,1,384]]"
    assert found["isTooLarge"]
    assert found["left"] == 256
