#!/usr/bin/env bash
# Chromium: a page from a disk begins no worker that is a module, though its code is a blob of the page's own.
#
# Versions: Chromium 156.0.8078.108 (Debian 12), Playwright 1.65.0, Python 3.11.
# Expected: new Worker(address, {type: "module"}) runs the code of a blob as {type: "classic"} does, as it does on a page
#           from http://; the code imports nothing.
# Seen:     on a page from file:// the worker fires "error", an event without a message, and nothing is written to the
#           console. The same blob runs as a classic worker, and import() of a blob that it makes works in that.
#
# Fails when that changes. Needs python3 with venv, and Chromium at /usr/bin/chromium or where CHROMIUM says.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q playwright==1.65.0
cat >"$folder/page.html" <<'HTML'
<!doctype html>
<script>
  const addressOf = (code) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));

  function said(type, code) {
    return new Promise((resolve) => {
      const worker = new Worker(addressOf(code), { type });
      worker.onmessage = (event) => resolve(`runs: ${event.data}`);
      setTimeout(() => resolve("nothing in 10 s"), 10_000);
      worker.onerror = (event) => resolve(`error: ${event.message}`);
    });
  }

  async function all() {
    const importing = `
      const address = URL.createObjectURL(new Blob(["export const value = 2;"], { type: "text/javascript" }));
      import(address).then((found) => postMessage(found.value));`;
    return {
      classic: await said("classic", "postMessage(1)"),
      importing: await said("classic", importing),
      module: await said("module", "postMessage(1)"),
    };
  }
</script>
HTML
FOLDER="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import functools
import http.server
import os
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

folder = Path(os.environ["FOLDER"])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
threading.Thread(target=server.serve_forever, daemon=True).start()
found, console = {}, []
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
    )
    print(f"Chromium {browser.version}")
    for way, address in {
        "http": f"http://127.0.0.1:{server.server_port}/page.html",
        "file": (folder / "page.html").as_uri(),
    }.items():
        page = browser.new_page()
        page.goto(address)
        if way == "file":
            page.on("console", lambda message: console.append(message.text))
        found[way] = page.evaluate("all()")
        print(way, found[way])
    browser.close()
server.shutdown()
runs = {"classic": "runs: 1", "importing": "runs: 2", "module": "runs: 1"}
assert found["http"] == runs, "this is not about a page from a host"
if found["file"] != {**runs, "module": "error: undefined"} or console:
    raise SystemExit("this has changed")
print("as found: no worker that is a module from a disk, and nothing says why")
PYTHON
