"""The service worker of a site, which keeps its files, and the manifest by which it can be installed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping

from .html import BINDING, policy, replaced
from .modules import APP, WORKER

MANIFEST = "manifest.webmanifest"

ICONS = {size: f"web/icon-{size}.png" for size in (192, 512)}

HEADERS: Mapping[str, str] = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": policy(BINDING),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Of every file, as a host that can gives them, too. The first two allow threads."""


def service_worker(files: Mapping[str, bytes]) -> bytes:
    """Its text.

    Args:
        files: of the site, by their paths, as far as the page needs them.
    """
    digests = {path: f"sha256-{_letters(hashlib.sha256(data).digest())}" for path, data in files.items()}
    version = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:16]
    text = (APP / "web" / WORKER).read_text("utf-8")
    text = replaced(text, 'const VERSION = "";', f"const VERSION = {json.dumps(version)};")
    text = replaced(text, "const FILES = {};", f"const FILES = {json.dumps(digests, indent=1)};")
    return replaced(text, "const HEADERS = {};", f"const HEADERS = {json.dumps(HEADERS, indent=1)};").encode()


def manifest() -> bytes:
    """What browsers read to install the page."""
    icons = [{"src": "page/icon.svg", "sizes": "any", "type": "image/svg+xml"}]
    icons += [{"src": path, "sizes": f"{size}x{size}", "type": "image/png"} for size, path in ICONS.items()]
    told = {
        "name": "adain: photographs painted like artworks",
        "short_name": "adain",
        "id": "./",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#17181a",
        "theme_color": "#2d5f73",
        "icons": icons,
    }
    return json.dumps(told, indent=1).encode() + b"\n"


def icons() -> dict[str, bytes]:
    """The icons that are no SVG, by their paths in a site."""
    return {path: (APP / path).read_bytes() for path in ICONS.values()}


def _letters(data: bytes) -> str:
    return base64.b64encode(data).decode()
