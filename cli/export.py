"""``adain export``: the model for other runtimes, and for browsers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from adain.app import SiteOptions
from adain.backends import ExportOptions
from adain.options import ModelOptions

from .options import SNAKE_CASE, OneCommand, options_of, take


@click.command(cls=OneCommand, context_settings=SNAKE_CASE)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER", help="Where the two graphs go.")
@options_of(ExportOptions)
@options_of(ModelOptions, only=("model", "encoder", "decoder"))
@options_of(SiteOptions)
@click.pass_context
def export(context: click.Context, /, output: Path | None, **values: Any) -> None:
    """Write the model as ONNX graphs, or as a page for browsers.

    encoder.onnx gives the features of a picture and their statistics, decoder.onnx a photograph's in an artwork's
    style. Pictures may have any size. Both graphs are compared with torch before they are written.

    With --web it is the page of adain app that is written, with the fast model and no server behind it: nothing is
    uploaded. Its weights are stored as fp16 by default, and it needs neither onnx nor onnxruntime.

    \b
    adain export -o model/
    adain export -o model/ --storage int8
    adain export --web site/
    adain export --web page.html --artworks paintings/
    adain export --web site/ --model vgg19 --preview-model fast
    """
    options, model, site = take(ExportOptions, values), take(ModelOptions, values), take(SiteOptions, values)
    if (output is None) == (site.web is None):
        raise click.UsageError("give either -o, for the graphs, or --web, for a page")
    if site.web is None:
        assert output is not None
        _graphs(output, options, model, site)
        return
    from adain.app import export_site

    def is_given(name: str) -> bool:
        return context.get_parameter_source(name) is not ParameterSource.DEFAULT

    if is_given("opset"):
        options.refuse("{opset} is of the graphs, and a page has none: leave it out")
    from adain.backends import SAME

    given: dict[str, Any] = {} if model.model is None else {"model": model.model}
    if is_given("storage"):
        given["storage"] = options.storage
    made = export_site(
        site.web, encoder=model.encoder, decoder=model.decoder, preview_model=site.preview_model,
        artworks=site.artworks, **given,
    )  # fmt: skip
    files = "1 file" if len(made.files) == 1 else f"{len(made.files)} files"
    quality = "" if made.psnr >= SAME else f", {made.psnr:.0f} dB PSNR to the model as it is"
    click.echo(f"{site.web}: {files}, {made.size / 1e6:.1f} MB{quality}")
    if len(made.files) > 1:
        click.echo(f"to look at it: python -m http.server --bind 127.0.0.1 --directory {shlex.quote(str(site.web))}")


def _graphs(output: Path, options: ExportOptions, model: ModelOptions, site: SiteOptions) -> None:
    from adain._utils.protect import protect
    from adain.backends import export_onnx, graph_files, provenance
    from adain.nn import DEFAULT_MODEL, load_decoder, load_encoder

    for name in ("artworks", "preview_model"):
        if getattr(site, name) is not None:
            site.refuse(f"{{{name}}} is of a page: give {{web}} in place of -o")
    name = model.model or DEFAULT_MODEL
    own = [None if path is None else Path(path) for path in (model.encoder, model.decoder)]
    protect(graph_files(output), [path for path in own if path is not None])
    networks = load_encoder(own[0] or name), load_decoder(own[1] or name)
    details = provenance(name, *own)
    written = export_onnx(*networks, output, storage=options.storage, opset=options.opset, details=details)
    for path in written.files:
        quality = "" if options.storage == "fp32" else f", {written.psnr:.0f} dB PSNR to fp32"
        click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, within {written.difference:.1g} of torch{quality}")
