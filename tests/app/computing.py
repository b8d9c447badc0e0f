"""The modules that compute in a browser, in a browser: a server of files, a page, and pixels in and out."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from adain.app.offline.modules import APP

HOST = "127.0.0.1"

WEB = APP / "web"

KINDS = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}

ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}

PAGE = b"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>computing</title>
<script type="module">
import { Compute } from "/web/compute.js";
const bytes = async (path) => (await fetch(path)).arrayBuffer();
const load = async () => ({
  model: { network: await (await fetch("/model/network.json")).json(), weights: await bytes("/model/weights.bin") },
  binaries: { relaxed: await bytes("/web/kernel/kernel-relaxed.wasm"), plain: await bytes("/web/kernel/kernel.wasm") },
  threads: 2,
  ...globalThis.parts,
});
const compute = new Compute(load);
const unpacked = (value) => {
  if (value?.bytes !== undefined) {
    const bytes = Uint8ClampedArray.from(atob(value.bytes), (letter) => letter.charCodeAt(0));
    return value.kind === "float32" ? new Float32Array(bytes.buffer) : bytes;
  }
  if (Array.isArray(value)) return value.map(unpacked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpacked(each)]));
};
const packed = (value) => {
  if (ArrayBuffer.isView(value)) {
    const all = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    let text = "";
    for (let at = 0; at < all.length; at += 32768) text += String.fromCharCode(...all.subarray(at, at + 32768));
    return { kind: value.constructor.name, bytes: btoa(text) };
  }
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, packed(each)]));
};
Object.assign(globalThis, { compute, packed, unpacked });
globalThis.ask = async (call, given) => {
  const steps = [];
  try {
    const answer = await compute.call(call, unpacked(given), { progress: (...step) => steps.push(step) });
    return packed({ ...answer, steps });
  } catch (error) {
    return { error: error.message, kind: error.kind };
  }
};
document.title = "ready";
</script>"""


@contextmanager
def serving(folders: Mapping[str, Path]) -> Iterator[str]:
    """Files of folders, each below its name, and the page at ``/`` and, isolated, at ``/isolated``; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, _, rest = self.path.lstrip("/").partition("/")
            path = folders[name] / rest if name in folders else None
            if (path is None and self.path not in ("/", "/isolated")) or (path is not None and not path.is_file()):
                self.send_error(404)
                return
            data = PAGE if path is None else path.read_bytes()
            self.send_response(200)
            kind = "text/html" if path is None else KINDS.get(path.suffix, "application/octet-stream")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            for header, value in ISOLATION.items():
                if self.path == "/isolated" or path is not None:
                    self.send_header(header, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def packed(value: Any) -> Any:
    """What a browser is given: pictures and masks as its ImageData, and floats, in text."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        data = np.ascontiguousarray(value, np.float32).tobytes()
        return {"kind": "float32", "bytes": base64.b64encode(data).decode()}
    if isinstance(value, np.ndarray):
        height, width = value.shape[:2]
        if value.ndim == 3 and value.shape[2] == 3:
            value = np.dstack([value, np.full(value.shape[:2], 255, np.uint8)])
        data = {"bytes": base64.b64encode(np.ascontiguousarray(value, np.uint8).tobytes()).decode()}
        return {"width": width, "height": height, "data": data}
    if isinstance(value, Mapping):
        return {name: packed(each) for name, each in value.items()}
    return [packed(each) for each in value] if isinstance(value, (list, tuple)) else value


TYPES = {"Float32Array": np.float32, "Float64Array": np.float64, "Uint8ClampedArray": np.uint8, "Uint8Array": np.uint8}


def unpacked(value: Any) -> Any:
    """What a browser gave back."""
    if isinstance(value, dict) and set(value) == {"kind", "bytes"}:
        return np.frombuffer(base64.b64decode(value["bytes"]), TYPES[value["kind"]])
    return {name: unpacked(each) for name, each in value.items()} if isinstance(value, dict) else value


class Computing:
    """A page with a worker that computes."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(address)
        page.wait_for_function("document.title === 'ready'")

    def ask(self, call: str, **given: Any) -> Any:
        """The worker's answer, ``{"error", "kind"}`` if it is one."""
        return unpacked(self.page.evaluate("([call, given]) => ask(call, given)", [call, packed(given)]))

    def run(self, module: str, expression: str, given: Any = None) -> Any:
        """The value of an expression of ``module``, the names of one of the modules, and ``given``."""
        code = f"""async (given) => {{
            const module = await import("/web/{module}.js");
            return packed(await ((module, given) => {expression})(module, unpacked(given)));
        }}"""
        return unpacked(self.page.evaluate(code, packed(given)))

    def decode(self, **given: Any) -> Any:
        """The result as an array ``(H, W, 4)``."""
        answer = self.ask("decode", **given)
        assert "error" not in answer, answer
        return answer["data"].reshape(answer["height"], answer["width"], 4)
