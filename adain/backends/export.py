"""Writing a model as ONNX graphs for other runtimes, compared with torch before anything is written."""

from __future__ import annotations

import copy
import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from PIL import Image
from torch import Tensor

from .._utils.errors import InputError, WeightsError
from .._utils.files import atomic_path, check_writable
from .._utils.resources import sample_folder
from .._utils.version import __version__
from ..image import center_crop_square, read_image, resize_shorter, to_tensor
from ..image.resize import cut
from ..nn.decoder import Decoder
from ..nn.shipped import DEFAULT_MODEL, WeightsFile, find_model
from ..nn.vgg import MIN_SIZE, VGGEncoder
from ..stylizer.stylizer import Stylizer
from ..stylizer.tiles import complete
from .onnx import FORMAT, PARTS, graph_files, open_session
from .options import ExportOptions, Storage
from .storage import round_filters

OPSETS = (13, 23)
"""The oldest and the newest opset the graphs are written for."""

TOLERANCE = 2e-3
"""Largest difference between onnxruntime and torch, with the same filters, in any pixel, of 1."""

LEAST_PSNR = 30.0
"""What filters of fewer bits may cost: peak signal to noise against float32 in dB."""

SAME = 120.0
"""That of pictures between which nothing differs, in dB."""

_LEAST_ERROR = 10 ** (-SAME / 10)

_SIDE = 96

_CELLS = 512
"""Side in cells of the flat features whose statistics are checked: those of a picture of 4096 x 4096 px."""

_FLAT = (0.1, 0.3, 7.7)
"""What such features are, channel by channel: no float32 is exactly that, so that every addition rounds."""


class Exported(NamedTuple):
    """What was written.

    Attributes:
        files: the graphs.
        difference: between onnxruntime and torch, the largest in any pixel of a sample picture in ``[0, 1]``, both
            with the filters as they are stored, or in the statistics of a flat picture of 4096 x 4096 px, relative.
        psnr: in dB, against torch with the original filters; 120 where nothing differs.
    """

    files: tuple[Path, Path]
    difference: float
    psnr: float


def export_onnx(
    encoder: VGGEncoder,
    decoder: Decoder,
    folder: str | os.PathLike[str],
    *,
    storage: Storage = ExportOptions.storage,
    opset: int = ExportOptions.opset,
    details: Mapping[str, str] | None = None,
) -> Exported:
    """Write ``encoder.onnx`` and ``decoder.onnx``; :mod:`adain.backends.onnx_graphs` says what goes in and comes out.

    Both are first run by onnxruntime and compared with torch on a sample picture.

    Args:
        encoder, decoder: of one model.
        folder: for the two files, which appear complete or not at all.
        storage: of filters: ``"fp32"``, ``"fp16"``, or ``"int8"`` with a scale for each channel. All
            are computed with in float32.
        opset: of ONNX's operators, 13 to 23.
        details: further metadata, such as :func:`provenance` gives.

    Raises:
        InputError: if onnx or onnxruntime is missing, the networks are of two models, storage or opset is unknown,
            or the files cannot be written.
        WeightsError: if the graphs give anything else than torch does, or the storage costs too much.
    """
    _check_known(storage)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise InputError(f"opset must be from {OPSETS[0]} to {OPSETS[1]}, not {opset}")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        raise InputError('exporting needs onnx and onnxruntime: pip install "adain[onnx]"') from None
    paths = graph_files(folder)
    for path in paths:
        check_writable(path)
    original, reference = _copy(encoder, decoder), _copy(encoder, decoder)
    round_filters(reference.encoder, storage)
    round_filters(reference.decoder, storage)
    models = _build(original, storage, opset, details or {})
    difference, psnr = _compare(reference, original, *models)
    difference = max(difference, _compare_flat(opset))
    if not difference <= TOLERANCE:
        raise WeightsError(
            f"the graphs differ from torch by up to {difference:.2g} of 1 and at most {TOLERANCE:g} is allowed, so "
            "nothing was written: use another version of onnxruntime or another --opset"
        )
    _check_cost(psnr, storage)
    with atomic_path(paths[0]) as first, atomic_path(paths[1]) as second:
        first.write_bytes(models[0])
        second.write_bytes(models[1])
    return Exported(paths, difference, psnr)


def storage_psnr(encoder: VGGEncoder, decoder: Decoder, storage: Storage) -> float:
    """What storing the filters so does to a sample picture: PSNR in dB to the original ones, 120 where nothing differs.

    Raises:
        InputError: if the networks are of two models, or storage is unknown.
        WeightsError: if it costs too much.
    """
    _check_known(storage)
    original, stored = _copy(encoder, decoder), _copy(encoder, decoder)
    round_filters(stored.encoder, storage)
    round_filters(stored.decoder, storage)
    photo, art = _pair()
    made, best = (s.stylize(photo, s.encode_style(art, size=0)) for s in (stored, original))
    psnr = _psnr([float((made - best).square().mean())])
    _check_cost(psnr, storage)
    return psnr


def _check_known(storage: Storage) -> None:
    if storage not in get_args(Storage):
        raise InputError(f"filters cannot be stored as {storage!r}: use {', '.join(get_args(Storage))}")


def _check_cost(psnr: float, storage: Storage) -> None:
    if not psnr >= LEAST_PSNR:
        raise WeightsError(
            f"in {storage} this model's pictures differ too much ({psnr:.0f} dB PSNR, at least {LEAST_PSNR:g} are "
            "wanted), so nothing was written: use fp32"
        )


def _psnr(errors: Sequence[float]) -> float:
    return -10 * math.log10(max(*errors, _LEAST_ERROR))


def provenance(
    model: str | None = None, encoder: str | Path | None = None, decoder: str | Path | None = None
) -> dict[str, str]:
    """Metadata that name where the weights come from; arguments as :meth:`adain.Stylizer.from_pretrained`.

    Raises:
        WeightsError: if there is no such model.
    """
    name = model or DEFAULT_MODEL
    shipped = None if encoder and decoder else find_model(name)
    found = {"model": "custom" if encoder or decoder else name}
    about = {}
    for part, own in (("encoder", encoder), ("decoder", decoder)):
        if own is not None:
            found[f"{part}_sha256"] = hashlib.sha256(Path(own).read_bytes()).hexdigest()
            about[part] = "not known", Path(own).name
        else:
            entry: WeightsFile = getattr(shipped, part)
            found[f"{part}_sha256"] = entry.sha256
            about[part] = entry.licence, entry.origin
    texts = ("; ".join(f"{part}: {pair[k]}" for part, pair in about.items()) for k in range(2))
    return found | dict(zip(("licence", "origin"), texts, strict=True))


def _copy(encoder: VGGEncoder, decoder: Decoder) -> Stylizer:
    """The networks in float32 on the CPU; the caller's stay as they are."""
    return Stylizer(copy.deepcopy(encoder).float(), copy.deepcopy(decoder).float(), device="cpu", precision="fp32")


def _build(stylizer: Stylizer, storage: Storage, opset: int, details: Mapping[str, str]) -> tuple[bytes, bytes]:
    """The two graphs as files, checked."""
    import onnx

    from .onnx_graphs import Graph, decoder_graph, encoder_graph

    models = (
        encoder_graph(stylizer.encoder, Graph(opset, storage)),
        decoder_graph(stylizer.decoder, Graph(opset, storage)),
    )
    about = {
        "model": "custom",
        **details,
        "format": FORMAT,
        "version": __version__,
        "precision": storage,  # the name it has in the files, older ones included
        "channels": str(stylizer.encoder.feature_channels),
        "min_size": str(MIN_SIZE),
        "network": stylizer.decoder.network.name,
        "weights": _digest(stylizer),
    }
    for part, model in zip(PARTS, models, strict=True):
        model.producer_name, model.producer_version = "adain", __version__
        onnx.helper.set_model_props(model, about | {"part": part})
        onnx.checker.check_model(model, full_check=True)
    return models[0].SerializeToString(), models[1].SerializeToString()


def _compare(reference: Stylizer, original: Stylizer, encoder: bytes, decoder: bytes) -> tuple[float, float]:
    """How far onnxruntime's result for a sample is from the reference's at most, and its PSNR to the original's.

    Each encodes the style by itself.
    """
    photo, art = _pair()
    encode, decode = open_session(encoder), open_session(decoder)
    height, width = photo.shape[2:]
    features, *own = encode.run(None, {"image": complete(photo).numpy()})
    _, *style = encode.run(None, {"image": art.numpy()})
    known = dict(zip(("content_mean", "content_std", "style_mean", "style_std"), (*own, *style), strict=True))
    worst, errors = 0.0, []
    for alpha in (0.5, 1.0):
        (made,) = decode.run(None, {"features": features, **known, "alpha": np.array(alpha, np.float32)})
        made = made[..., :height, :width]
        if made.shape != tuple(photo.shape) or not np.isfinite(made).all():
            return math.inf, 0.0
        wanted, best = (s.stylize(photo, s.encode_style(art, size=0), alpha=alpha) for s in (reference, original))
        worst = max(worst, float(np.abs(made - wanted.numpy()).max()))
        errors.append(float(np.square(made - best.numpy()).mean()))
    return worst, _psnr(errors)


def _compare_flat(opset: int) -> float:
    """How far the statistics of large flat features are off, relative to the features and to the deviation of none.

    Small samples do not tell: the error of a sum grows with the number of its terms.
    """
    from ..nn.statistics import EPS
    from .onnx_graphs import statistics_graph

    values = np.array(_FLAT, np.float32).reshape(1, -1, 1, 1)
    features = np.broadcast_to(values, (1, len(_FLAT), _CELLS, _CELLS))
    session = open_session(statistics_graph(opset).SerializeToString())
    mean, std = session.run(["mean", "std"], {"features": np.ascontiguousarray(features)})
    errors = (np.abs(mean / values - 1), np.abs(std / np.sqrt(EPS) - 1))
    return float(max(error.max() for error in errors))


def _pair() -> tuple[Tensor, Tensor]:
    """A photograph whose sides are odd, and an artwork."""
    picture = _sample("content", _SIDE)
    photo = to_tensor(cut(picture, (0, 0, picture.width - 3, picture.height - 1)))
    return photo, to_tensor(center_crop_square(_sample("style", _SIDE - 3)))


def _sample(kind: Literal["content", "style"], size: int) -> Image.Image:
    return resize_shorter(read_image(min(sample_folder(kind).glob("*.jpg"))), size)


def _digest(stylizer: Stylizer) -> str:
    """16 hexadecimal digits of both networks' weights, and of how the encoder pools."""
    digest = hashlib.sha256(stylizer.encoder.pool.encode())
    for network in (stylizer.encoder, stylizer.decoder):
        for name, tensor in network.state_dict().items():
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
