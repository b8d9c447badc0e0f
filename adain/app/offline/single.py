"""The page as one file: everything a site has, packed into its HTML, so that it works from a disk."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath

from . import html
from .bundle import bundled
from .modules import workers

MAIN = "web/one-file.js"

_TYPES = {
    ".js": "text/javascript",
    ".json": "application/json",
    ".jpg": "image/jpeg",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
}

_DENSE = (".jpg", ".png")
"""What packing does not make smaller."""


def of_one_file(files: Mapping[str, bytes], texts: Mapping[str, str]) -> bytes:
    """The page.

    Args:
        files: what it is to have in it, but for its own modules and styles, by their paths in a site.
        texts: of all modules by their paths.
    """
    # In a module's texts and comments these mean the same with the stroke, and do not end the element.
    script = bundled(texts, MAIN).replace("</script", "<\\/script").replace("<!--", "<\\!--")
    sheets = html.sheets()
    style = "\n".join(sheets.values())
    text = html.promised(html.source())
    for path in sheets:
        text = html.replaced(text, f'    <link rel="stylesheet" href="/{path}">\n', "")
    text = html.replaced(text, html.SCRIPT, f"<style>{style}</style>")
    text = text.replace('"/page/icon.svg"', f'"data:image/svg+xml;base64,{_letters(html.styles()["page/icon.svg"])}"')
    text = html.bound(
        text,
        {
            "default-src": "'none'",
            "script-src": f"{_digest(script)} blob: 'wasm-unsafe-eval'",
            "worker-src": "blob:",
            "style-src": _digest(style),
            "img-src": "blob: data:",
            "media-src": "blob:",
            "connect-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
        },
    )
    held = {**files, **{path: bundled(texts, path).encode() for path in workers(texts)}}
    parts = [*(_element(path, data) for path, data in held.items()), f'<script type="module">{script}</script>']
    return html.replaced(text, "  </body>", "\n".join([*parts, "  </body>"])).encode()


def _element(path: str, data: bytes) -> str:
    """What holds a file; ``web/files.js`` reads it."""
    suffix = PurePosixPath(path).suffix
    packed = "" if suffix in _DENSE else ' data-packed="gzip"'
    letters = _letters(gzip.compress(data, 9, mtime=0) if packed else data)
    kind = _TYPES.get(suffix, "application/octet-stream")
    return f'<script type="text/plain" data-file="{path}" data-type="{kind}"{packed}>{letters}</script>'


def _letters(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _digest(text: str) -> str:
    """By which a policy allows a script or a style."""
    return f"'sha256-{_letters(hashlib.sha256(text.encode()).digest())}'"
