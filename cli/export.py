"""``adain export``: the model for other runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from adain import defaults

from .options import SNAKE_CASE, network_options


@click.command(context_settings=SNAKE_CASE)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Where to.")
@click.option(
    "--storage",
    type=click.Choice(defaults.ONNX_STORAGES),
    default=defaults.ONNX_STORAGE,
    show_default=True,
    help="How weights are stored; all are computed with in fp32.",
)
@click.option("--opset", type=int, default=defaults.ONNX_OPSET, show_default=True, help="Of ONNX's operators.")
@network_options
def export(
    output: Path, storage: str, opset: int, decoder: Path | None, encoder: Path | None, model: str | None
) -> None:
    """Write the model as ONNX graphs, style.onnx and transfer.onnx.

    The first gives an artwork's statistics, the second stylises a photograph by them. Pictures may have any size.
    Both are compared with torch before they are written.

    \b
    adain export -o model/
    adain export -o model/ --storage int8
    adain stylize photo.jpg wave.jpg --onnx model/ -o out.jpg
    """
    from adain.backends.export import export_onnx, provenance
    from adain.nn import DEFAULT_MODEL, load_decoder, load_encoder

    name = model or DEFAULT_MODEL
    networks = load_encoder(encoder or name), load_decoder(decoder or name)
    details = provenance(name, encoder, decoder)
    written = export_onnx(*networks, output, storage=storage, opset=opset, details=details)
    for path in written.files:
        quality = "" if storage == "fp32" else f", {written.psnr:.0f} dB PSNR to fp32"
        click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, within {written.difference:.1g} of torch{quality}")
