"""``adain export --web``: a page that needs no server, written as a folder for any web host."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._utils.errors import InputError
from ..._utils.files import atomic_path
from ...backends import Exported, Storage, export_onnx, provenance
from ...nn import MIN_SIZE, STRIDE, load_decoder, load_encoder
from ...stylizer import Stylizer
from ...stylizer.halo import DECODER_HALO, ENCODER_HALO
from ..known import known
from ..options import AppOptions
from . import html
from .gallery import Offered, offered
from .modules import modules
from .runtime import VERSION, runtime_files

MODEL = "fast"
"""The model of a page where none is named."""

FORMATS = ("png", "jpeg", "webp")
"""What browsers write."""

LIST = "site.json"
"""The list of a site's files, by which it is known for one when it is written again."""

ONE_FILE = (".html", ".htm")


@dataclass(frozen=True)
class SiteFiles:
    """What was written.

    Attributes:
        files: of the site, in their order.
        size: of all together, in bytes.
        difference, psnr: of the graphs, see :class:`adain.backends.Exported`.
        skipped: artworks that were left out, each with the reason.
    """

    files: tuple[Path, ...]
    size: int
    difference: float
    psnr: float
    skipped: tuple[str, ...]


def export_site(
    output: str | os.PathLike[str],
    model: str = MODEL,
    *,
    encoder: str | os.PathLike[str] | None = None,
    decoder: str | os.PathLike[str] | None = None,
    storage: Storage = "fp16",
    opset: int = 17,
    artworks: str | os.PathLike[str] | None = None,
    runtime: str | os.PathLike[str] | None = None,
) -> SiteFiles:
    """Write the page of ``adain app`` so that the visitor's browser computes, and nothing is uploaded.

    Args:
        output: a folder, which is new, empty, or a site that was written by this.
        model: name of the shipped model.
        encoder, decoder: files of other weights.
        storage: of filters, see :func:`adain.backends.export_onnx`.
        opset: of ONNX's operators.
        artworks: folder of artworks to offer beside those that ship.
        runtime: the package onnxruntime-web of npm, packed or unpacked; None fetches it by npm.

    Raises:
        InputError: if the folder holds anything else, the runtime cannot be had or is another one, or something cannot
            be read or written.
        MissingFileError: if something that was named is not there.
        WeightsError: if the model cannot be exported.
    """
    folder = Path(output)
    known_before = _own_files(folder)
    files, exported, shown = made(
        model, encoder=encoder, decoder=decoder, storage=storage, opset=opset, artworks=artworks, runtime=runtime
    )
    for path in files:
        if path not in known_before and os.path.lexists(folder / path):
            raise InputError(f"{folder / path} is there, and not of a site that was exported: choose another folder")
    for path, data in files.items():
        with atomic_path(folder / path) as temporary:
            temporary.write_bytes(data)
    for path in known_before - set(files):
        (folder / path).unlink(missing_ok=True)
    written = tuple(folder / path for path in files)
    size = sum(map(len, files.values()))
    return SiteFiles(written, size, exported.difference, exported.psnr, tuple(shown.skipped))


def made(
    model: str,
    *,
    encoder: str | os.PathLike[str] | None,
    decoder: str | os.PathLike[str] | None,
    storage: Storage,
    opset: int,
    artworks: str | os.PathLike[str] | None,
    runtime: str | os.PathLike[str] | None,
) -> tuple[dict[str, bytes], Exported, Offered]:
    """The files of a site by their paths, in the order in which they are written."""
    own = [None if path is None else Path(path) for path in (encoder, decoder)]
    computing = {f"runtime/{name}": data for name, data in runtime_files(runtime).items()}
    stylizer = Stylizer(load_encoder(own[0] or model), load_decoder(own[1] or model), device="cpu", precision="fp32")
    graphs, exported = _graphs(stylizer, storage, opset, provenance(model, *own))
    gallery = offered(stylizer, artworks)
    about = {
        "model": model,
        "storage": storage,
        "channels": stylizer.encoder.feature_channels,
        "stride": STRIDE,
        "min_size": MIN_SIZE,
        "encoder_halo": ENCODER_HALO,
        "decoder_halo": DECODER_HALO,
        "runtime": VERSION,
    }
    setup = known(
        AppOptions(model=model, preview_model=model),
        gallery.styles,
        gallery.contents,
        models=[model],
        formats=FORMATS,
    )
    files = {
        **computing,
        **graphs,
        "model/model.json": _json(about),
        **gallery.files,
        "setup.json": _json(setup),
        **html.styles(),
        **{path: text.encode() for path, text in modules().items()},
        "index.html": html.of_site().encode(),
    }
    return files | {LIST: _json({"files": sorted(files)})}, exported, gallery


def _graphs(
    stylizer: Stylizer, storage: Storage, opset: int, details: dict[str, str]
) -> tuple[dict[str, bytes], Exported]:
    with tempfile.TemporaryDirectory(prefix="adain-") as folder:
        exported = export_onnx(
            stylizer.encoder, stylizer.decoder, folder, storage=storage, opset=opset, details=details
        )
        return {f"model/{path.name}": path.read_bytes() for path in exported.files}, exported


def _own_files(folder: Path) -> set[str]:
    """The files of a site that was written to a folder before; none if there was none."""
    try:
        listed = json.loads((folder / LIST).read_bytes())["files"]
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(f"{folder / LIST} is no list of a site's files: choose another folder") from None
    return {str(path) for path in listed if not str(path).startswith("/") and ".." not in str(path).split("/")} | {LIST}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
