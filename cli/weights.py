"""``adain weights``: what ships, whether it is intact, and bringing in weights from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import click

from adain._utils.errors import InputError


@click.group()
def weights() -> None:
    """List, verify and import weights."""


@weights.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_weights(as_json: bool) -> None:
    """The shipped models with size, licence and origin."""
    from adain.nn import banks, registry

    for name, model in registry().items():
        parts = [*model.parts(), *([("styles", banks()[name])] if name in banks() else [])]
        for part, entry in parts:
            if as_json:
                own = {key: getattr(entry, key) for key in ("bytes", "sha256", "licence", "origin")}
                record = {"model": name, "part": part, "file": str(entry.path), **own, **entry.details}
                click.echo(json.dumps(record, ensure_ascii=False))
            else:
                click.echo(f"{name} {part}: {entry.file}, {entry.bytes / 1e6:.1f} MB")
                click.echo(f"    licence: {entry.licence}\n    origin:  {entry.origin}")


@weights.command()
def verify() -> None:
    """Compare every shipped file with its checksum."""
    from adain.nn import banks, read_verified, registry

    files = {entry.file: entry for model in registry().values() for entry in model}
    for entry in (*files.values(), *banks().values()):
        read_verified(entry)
        click.echo(f"{entry.file}: good ({entry.bytes} bytes, sha256 {entry.sha256})")


@weights.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="[default: FILE.safetensors here]")
@click.option("--images", help="Folder of photographs to normalise an encoder over. [default: the shipped samples]")
def import_weights(file: Path, output: Path | None, images: str | None) -> None:
    """Convert weights from elsewhere for --encoder or --decoder.

    Takes torchvision's VGG-19 state dict, and the AdaIN field's vgg_normalised.pth (53 layers) and decoder.pth (29
    layers). Pickles are read with weights_only=True: nothing in them is executed.
    """
    from safetensors.torch import save

    from adain._utils.files import atomic_path, check_writable
    from adain._utils.protect import protect
    from adain._utils.resources import sample_folder
    from adain.image import list_images, read_image, resize_shorter, split_alpha, to_tensor
    from adain.nn import convert_state, read_tensors

    target = output or Path(f"{file.stem}.safetensors")
    if target.suffix != ".safetensors":
        raise InputError(f"{target} must end in .safetensors")
    protect([target], [file])
    check_writable(target)
    photos = list_images(images or sample_folder("content"))
    pictures = (to_tensor(resize_shorter(split_alpha(read_image(path))[0], 512)) for path in photos)
    kind, state = convert_state(read_tensors(file), pictures)
    with atomic_path(target) as temporary:
        temporary.write_bytes(save(state))  # save_file would make it readable by its owner alone
    click.echo(f"{target}: {kind}, {len(state) // 2} convolutions; use it with --{kind} {target}")
