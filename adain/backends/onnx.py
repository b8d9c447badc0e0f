"""Running exported models by onnxruntime, without torch."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._utils.arrays import FloatArray
from .._utils.errors import InputError, MissingFileError, WeightsError, out_of_memory
from ..image import DEFAULT_MAX_PIXELS
from ..image.box import Box
from ..nn.layers import NETWORKS, STRIDE, Network
from ..stylizer.cache import StyleCache
from .engine import EngineStylizer

if TYPE_CHECKING:
    import onnxruntime

FORMAT = "adain-onnx-2"
"""What the metadata of an exported graph says it is."""

PARTS = ("encoder", "decoder")
"""The graphs of a model; each is in a file of its name."""

_SILENT = 4
"""What onnxruntime writes to stderr: nothing, as its errors are raised, and it warns of how it places nodes."""

_PASS_BYTES = {"vgg19+relu3_1": 1400, "vgg19": 1200, "fast": 400}
"""Peak memory of a pass in bytes a pixel, as measured at 0.3 to 2 megapixels."""


def graph_files(folder: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The two files of an exported model."""
    return Path(folder) / f"{PARTS[0]}.onnx", Path(folder) / f"{PARTS[1]}.onnx"


class OnnxStylizer(EngineStylizer):
    """Stylises as :class:`~adain.Stylizer` does, by the graphs that :func:`adain.backends.export.export_onnx` wrote.

    Args:
        folder: holds ``encoder.onnx`` and ``decoder.onnx``.
        threads: of onnxruntime; None for one a core.
        providers: onnxruntime's names of what is to compute, such as ``["CUDAExecutionProvider"]``; None for all that
            it was built with, the fastest first.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.
        style_cache: folder that keeps encoded styles for later calls, see :class:`~adain.stylizer.StyleCache`.

    Attributes:
        metadata: what the graphs say of the model: ``model``, ``licence``, ``origin``, ``precision`` (how filters are
            stored), ``version`` of adain, ``encoder_sha256`` and ``decoder_sha256`` where they are known.

    Raises:
        InputError: if onnxruntime is missing or has no such provider.
        MissingFileError: if a graph is missing.
        WeightsError: if one is damaged, of something else, of another export than its fellow, or of an older adain.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
        style_cache: StyleCache | str | os.PathLike[str] | None = None,
    ) -> None:
        engine = OnnxEngine(folder, threads=threads, providers=providers)
        super().__init__(engine, max_pixels=max_pixels, style_cache=style_cache)
        self.metadata = engine.metadata

    def identity(self) -> list[Any]:
        return [dict(self.metadata)]

    def encoder_identity(self) -> str:
        return f"onnx {self.metadata['weights']} {self.metadata['precision']}"

    def __repr__(self) -> str:
        return f"OnnxStylizer({self.metadata['model']!r}, {self.metadata['precision']})"


class OnnxEngine:
    """Encoder and decoder of an exported model; any thread may ask them.

    Attributes:
        network: the tables that the graphs were written from.
        metadata: see :class:`OnnxStylizer`, as for the arguments and errors.
        pass_bytes: peak memory of both networks over a picture, in bytes a pixel.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, threads: int | None = None, providers: Sequence[str] | None = None
    ) -> None:
        paths = graph_files(folder)
        if not paths[0].is_file() and Path(folder, "transfer.onnx").is_file():
            raise WeightsError(
                f"the model in {folder} is of an older adain: write it anew with adain export -o {folder}"
            )
        self._encoder, self._decoder = (_open(path, threads, providers) for path in paths)
        self.metadata: Mapping[str, str] = _metadata(self._encoder, paths[0])
        if _metadata(self._decoder, paths[1])["weights"] != self.metadata["weights"]:
            raise WeightsError(f"encoder.onnx and decoder.onnx in {folder} are of different models: export again")
        self.network: Network = next(each for each in NETWORKS if each.name == self.metadata["network"])
        self.pass_bytes = _PASS_BYTES[self.network.name]

    def encode(self, pixels: FloatArray, keep: Box | None = None) -> FloatArray:
        """``(B, 3, H, W)`` in ``[0, 1]`` → ``(B, C, ceil(H / 8), ceil(W / 8))``, or the cells that are to be kept."""
        features = _run(self._encoder, "features", image=pixels)
        return features if keep is None else features[(..., *keep.slices)]

    def decode(
        self, features: FloatArray, keep: Box | None = None, change: tuple[FloatArray, FloatArray] | None = None
    ) -> FloatArray:
        """``(B, C, h, w)`` → ``(B, 3, 8 h, 8 w)`` in ``[0, 1]``, or the pixels of the cells that are to be kept."""
        if change is not None:
            features = features * change[0]
            features += change[1]
        # Alpha is 0: they have been normalised, and what these say of them is not asked for.
        zero, one = (np.full((1, features.shape[1], 1, 1), value, np.float32) for value in (0, 1))
        known = {"content_mean": zero, "content_std": one, "style_mean": zero, "style_std": one}
        pixels = _run(self._decoder, "stylized", features=features, **known, alpha=np.zeros((), np.float32))
        if keep is None:
            return pixels
        return pixels[(..., *keep.pixels((pixels.shape[2], pixels.shape[3]), STRIDE).slices)]


def open_session(
    model: str | bytes, threads: int | None = None, providers: Sequence[str] | None = None
) -> onnxruntime.InferenceSession:
    """A model's file or bytes, ready to run; onnxruntime's errors are raised as they are.

    Raises:
        InputError: if onnxruntime is missing or has no such provider.
    """
    try:
        import onnxruntime as runtime
    except ImportError:
        raise InputError('running ONNX models needs onnxruntime: pip install "adain[onnx]"') from None
    options = runtime.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads or 0
    _share_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # A pattern asks for one large block, which what another pass has left in pieces does not hold.
    options.enable_mem_pattern = False
    available = runtime.get_available_providers()
    unknown = [provider for provider in providers or () if provider not in available]
    if unknown:
        raise InputError(f"onnxruntime has no {', '.join(unknown)} here: choose of {', '.join(available)}")
    return runtime.InferenceSession(model, options, providers=list(providers or available))


@functools.cache
def _share_memory() -> None:
    """Let all sessions compute in the same memory.

    onnxruntime keeps what it once had of the system, and by default each session does so for itself.
    """
    import onnxruntime as runtime

    kind, lasting = runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, runtime.OrtMemType.DEFAULT
    runtime.create_and_register_allocator(runtime.OrtMemoryInfo("Cpu", kind, 0, lasting), None)


def _open(path: Path, threads: int | None, providers: Sequence[str] | None) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise MissingFileError(
            f"cannot read {path}: there is no such file; write it with adain export -o {path.parent}"
        )
    try:
        return open_session(os.fspath(path), threads, providers)
    except InputError:
        raise
    except Exception as error:  # see above
        raise WeightsError(f"{path} is damaged or no ONNX model: write it anew with adain export ({error})") from None


def _metadata(session: onnxruntime.InferenceSession, path: Path) -> Mapping[str, str]:
    found: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    if found.get("format") != FORMAT or found.get("part") != path.stem:
        raise WeightsError(f"{path} is not the {path.stem} graph of an exported model: write one with adain export")
    return found


def _run(session: onnxruntime.InferenceSession, output: str, **inputs: FloatArray) -> FloatArray:
    """One output; what only others need is not computed."""
    import onnxruntime as runtime

    options = runtime.RunOptions()
    options.log_severity_level = _SILENT
    options.only_execute_path_to_fetches = True
    arrays = {name: np.asarray(value, np.float32, order="C") for name, value in inputs.items()}
    try:
        (result,) = session.run([output], arrays, options)
    except Exception as error:  # see above
        if out_of_memory(error) or "Failed to allocate" in str(error) or "bad_alloc" in str(error):
            raise MemoryError("onnxruntime ran out of memory") from None
        raise
    found: FloatArray = result
    return found
