"""``adain export``: the model for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adain.backends import ExportOptions
from adain.options import ModelOptions

from .options import SNAKE_CASE, OneCommand, options_of, take


@click.command(cls=OneCommand, context_settings=SNAKE_CASE)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Where to.")
@options_of(ExportOptions)
@options_of(ModelOptions, only=("model", "encoder", "decoder"))
def export(output: Path, **values: Any) -> None:
    """Write the model as ONNX graphs, encoder.onnx and decoder.onnx.

    The first gives the features of a picture and their statistics, the second a photograph's in an artwork's style.
    Pictures may have any size. Both graphs are compared with torch before they are written.

    \b
    adain export -o model/
    adain export -o model/ --storage int8
    adain stylize photo.jpg wave.jpg --onnx model/ -o out.jpg
    """
    from adain._utils.protect import protect
    from adain.backends import export_onnx, graph_files, provenance
    from adain.nn import DEFAULT_MODEL, load_decoder, load_encoder

    options, model = take(ExportOptions, values), take(ModelOptions, values)
    name = model.model or DEFAULT_MODEL
    own = [None if path is None else Path(path) for path in (model.encoder, model.decoder)]
    protect(graph_files(output), [path for path in own if path is not None])
    networks = load_encoder(own[0] or name), load_decoder(own[1] or name)
    details = provenance(name, *own)
    written = export_onnx(*networks, output, storage=options.storage, opset=options.opset, details=details)
    for path in written.files:
        quality = "" if options.storage == "fp32" else f", {written.psnr:.0f} dB PSNR to fp32"
        click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, within {written.difference:.1g} of torch{quality}")
