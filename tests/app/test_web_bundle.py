"""Modules in one piece, run as such where there is something to run them by."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from adain.app.offline.bundle import bundled
from adain.app.offline.modules import imports, in_order, modules, workers

TEXTS = {
    "page/a.js": """// @ts-check
/** @typedef {import("./gone.js").Thing} Thing */
import { one, two as zwei } from "./b.js";
import * as all from "../web/c.js";
import {
  Kind,
  later,
} from "./d.js";
import "./side.js";

export const sum = one + zwei() + all.three;
console.log(JSON.stringify([sum, new Kind().name, globalThis.side, typeof later, "import x from y"]));
later().then((said) => console.log(said));
""",
    "page/b.js": "export const one = 1;\nexport function two() {\n  return 2;\n}\nconst hidden = 5;\n",
    "page/d.js": 'export { Kind as Kind, later } from "../web/c.js";\n',
    "page/side.js": 'globalThis.side = "here";\n',
    "web/c.js": """export * from "./e.js";
export const three = 3;
export class Kind {
  name = "kind";
}
""",
    "web/e.js": 'export async function later() {\n  return "late";\n}\nexport function* some() {}\n',
}


def run(script: str) -> list[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    ran = subprocess.run([node, "-"], input=script, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_imports_are_found() -> None:
    assert imports("page/a.js", TEXTS["page/a.js"]) == ["page/b.js", "web/c.js", "page/d.js", "page/side.js"]
    assert in_order(TEXTS).index("web/e.js") < in_order(TEXTS).index("web/c.js")


def test_one_piece_does_what_the_modules_do() -> None:
    assert run(bundled(TEXTS, "page/a.js")) == ['[6,"kind","here","function","import x from y"]', "late"]


def test_nothing_is_left_over() -> None:
    script = bundled(TEXTS, "page/b.js")
    assert "page/a.js" not in script
    assert "hidden" in script


def test_a_circle_is_refused() -> None:
    texts = {"a.js": 'import { b } from "./b.js";\nexport const a = 1;\n', "b.js": 'import { a } from "./a.js";\n'}
    with pytest.raises(ValueError, match=r"a circle of imports: a\.js -> b\.js -> a\.js"):
        bundled(texts, "a.js")


@pytest.mark.parametrize(
    "text", ["export default 1;\n", "export let a = 1;\n", 'import a from "b";\n', "export { a };\n"]
)
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a\.js: a statement that is not known here"):
        bundled({"a.js": text}, "a.js")


def test_the_page_is_known_whole(tmp_path: Path) -> None:
    texts = modules()
    assert {"page/main.js", "page/engine.js", "web/engine.js", "web/start.js"} <= set(texts)
    assert "page/job.js" not in texts  # the server's
    assert set(workers(texts)) == {"web/compute-worker.js", "web/picture-worker.js"}
    for entry in ("web/one-file.js", *workers(texts)):
        script = bundled(texts, entry)
        assert script.startswith('"use strict";')
        if shutil.which("node"):
            path = tmp_path / ("whole.mjs" if entry == "web/one-file.js" else "whole.cjs")  # workers are no modules
            path.write_text(script, encoding="utf-8")
            ran = subprocess.run(["node", "--check", path], capture_output=True, text=True, check=False)
            assert ran.returncode == 0, ran.stderr
