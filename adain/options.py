"""Everything a stylisation can be asked for, each option declared once (:mod:`adain._utils.declare`); free of torch."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ._utils.declare import Declaration as Declaration
from ._utils.declare import Declared as Declared
from ._utils.declare import Unfit as Unfit
from ._utils.declare import attachment as attachment
from ._utils.declare import option as option
from ._utils.declare import table as table
from ._utils.errors import InputError, suggest

if TYPE_CHECKING:
    from .control.color import ColorPreservation
    from .control.regions import Guide
    from .control.style import Style
    from .image.io import ImageInput

ColorMode = Literal["none", "luminance", "linear", "histogram"]
"""How a stylised picture can keep the colours of the photograph."""

ColorSpace = Literal["ycbcr", "lab"]
"""Where "luminance" parts light from colour."""

ColorMethod = Literal["monge-kantorovich", "cholesky", "symmetric"]
"""Which of the matrices that carry one covariance over to another "linear" takes."""

Channel = Literal["luminance", "alpha"]
"""What of an image can be its mask."""

Direction = Literal["horizontal", "vertical", "diagonal", "radial"]
"""How one style can pass into another across the photograph."""

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""What the networks can compute in; see :func:`adain.nn.devices.resolve_precision`."""

MetadataMode = Literal["basic", "keep", "none"]
"""What a result keeps of what its photograph says of itself: date, copyright, author and description; all that is still
true, with the camera and the place; or nothing."""

Backend = Literal["auto", "torch", "ncnn", "onnx"]
"""What can compute the networks; see :func:`adain.backends.open_model`."""

Wrap = Literal["none", "x", "y", "xy"]
"""Which opposite sides of a photograph meet: left and right (x), top and bottom (y), or both."""

TileSize = int | str
"""Side of the tiles a photograph is stylised in, in pixels; ``"auto"``: tiles where memory is short; or ``"off"``."""

KEEP = "keep"
"""The background that keeps the photograph, said aloud."""

FACES = "faces"
"""What is protected where no mask says so."""

MIN_TILE = 64
"""Shortest side of a tile in pixels."""

ALL_PAGES = "all"
"""The pages of a file that are meant where each is to become a result."""

GRID_SIZE = 256
"""Shorter side in pixels of each picture on a sheet, where no content size is given."""

MOST_ROUNDS = 8
"""Of correction: every further one brings less."""

PREVIEW_ALPHAS = (0.25, 0.5, 0.75, 1.0)
"""Strengths on a preview, times those asked for."""

PREVIEW_SIZES = (256, 512, 768)
"""Sizes of the artwork on a preview."""

NETWORKS = ("torch", "ray", "video", "refine")
PIXELS = (*NETWORKS, "onnx")
REGIONS = PIXELS
PICTURES = ("torch", "onnx", "ray", "refine")


def parse_numbers(text: str) -> tuple[float, ...]:
    """Numbers separated by commas."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"numbers such as 0.7,0.3, not {text}") from None


def _parse_alpha(text: str) -> float | tuple[float, ...]:
    numbers = parse_numbers(text)
    return numbers[0] if len(numbers) == 1 else numbers


def _parse_tile(text: str) -> TileSize:
    text = text.strip().lower()
    if text in ("auto", "off"):
        return text
    if not text.isascii() or not text.isdigit() or int(text) < MIN_TILE:
        raise ValueError(f"auto, off or a size of at least {MIN_TILE} px, not {text}")
    return int(text)


def _parse_page(text: str) -> int | str:
    text = text.strip().lower()
    if text == ALL_PAGES:
        return text
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"the number of a page, from 1, or {ALL_PAGES}, not {text}")
    return int(text)


def _parse_modes(text: str) -> str | tuple[str, ...]:
    modes = tuple(part.strip() for part in text.split(","))
    for mode in modes:
        if mode not in get_args(ColorMode):
            raise ValueError(f"a colour mode, or several by commas, not {mode}: {suggest(mode, get_args(ColorMode))}")
    return modes[0] if len(modes) == 1 else modes


def _parse_none(text: str) -> str | None:
    return None if text == "none" else text


@dataclass(frozen=True, kw_only=True)
class Options(Declared):
    """What a photograph is to become: strength, styles together, regions, colours and sizes.

    Raises:
        InputError: on construction, if a value is out of range; what needs the number of styles is seen to by
            :meth:`check`.
    """

    alpha: float | Sequence[float] = option(
        1.0, "Strength: 0 is the photograph, 1 the full style. A list such as 1,0.5 has one for each region.",
        low=0, high=1, metavar="A[,A...]", parse=_parse_alpha,
    )  # fmt: skip
    correct: int = option(
        0, "Closer to the artwork: so many rounds of measuring what came out and asking for what it missed.", low=0,
        high=MOST_ROUNDS, metavar="N",
    )  # fmt: skip
    max_drift: float | None = option(
        None, "Lower alpha, of each photograph by itself, until half of its edges lie within so many px of where they "
        "were.", low=0, is_open=True, metavar="PX", group="edges", serves=("torch", "onnx", "ray"),
    )  # fmt: skip
    weights: Sequence[float] | None = option(
        None, "Blend all styles into one, e.g. 0.7,0.3 (scaled to sum 1).", flag="--style-weights", metavar="W,W,...",
        low=0, group="blend",
    )  # fmt: skip
    gradient: Direction | Guide | None = option(
        None, f"Two styles, one passing into the other: {', '.join(get_args(Direction))}, or by a mask.",
        metavar="DIRECTION|FILE", choices=get_args(Direction), is_file=True, group="blend", serves=REGIONS,
    )  # fmt: skip
    grid: int | None = option(
        None, "Two to four styles: one picture of N, a triangle of N, or N x N blends.", flag="--style-grid",
        low=2, high=16, metavar="N", group="blend", serves=("torch", "onnx", "ray"),
    )  # fmt: skip
    preview: bool = option(
        False, "One sheet in place of the result: small pictures at several strengths and style sizes.", group="blend",
        serves=("torch", "onnx", "ray"),
    )  # fmt: skip
    content_size: int | None = option(
        None, "Shorter side of the result in px; 0 keeps the photograph's size.", low=0,
        shown=f"0; {GRID_SIZE} on a sheet", group="size",
    )  # fmt: skip
    style_size: int = option(
        512, "Shorter side the artwork is scaled to in px, 0 keeps its size; larger gives coarser strokes.", low=0,
        group="size",
    )  # fmt: skip
    fine_style_size: int | None = option(
        None, "Fine texture from the artwork at this size in px, coarse structure from --style-size.", low=0,
        group="size", serves=("torch", "onnx", "ray", "video"),
    )  # fmt: skip
    crop: bool = option(
        False, "Use the central squares of photograph and artwork.", group="size",
        serves=("torch", "onnx", "ray", "refine"),
    )  # fmt: skip
    wrap: Wrap = option(
        "none", "Sides of the photograph that meet, without a seam: x left and right (360° panoramas), y top and "
        "bottom, xy both (textures that repeat).", choices=get_args(Wrap), group="size",
        serves=("torch", "onnx", "ray", "video"),
    )  # fmt: skip
    tile: int | str = option(
        "auto", "Work in tiles of that side in px, to the same result in bounded memory; auto: where memory is short.",
        low=MIN_TILE, metavar="SIZE|auto|off", parse=_parse_tile, group="size",
        serves=("torch", "onnx", "ray"), is_decisive=False,
    )  # fmt: skip
    masks: Sequence[Guide] | None = option(
        None, "Where a style goes, white on black; once for each style, all in one result.", flag="--mask",
        metavar="FILE", is_repeated=True, is_file=True, group="regions", serves=REGIONS,
    )  # fmt: skip
    mask_channel: Channel = option(
        "luminance", "What of masks is read.", choices=get_args(Channel), group="regions", serves=REGIONS
    )
    style_masks: Sequence[ImageInput | None] | None = option(
        None, "Part of the artwork to take the style from; once for each style.", flag="--style-mask",
        metavar="FILE|none", is_repeated=True, parse=_parse_none, is_file=True, group="regions", serves=REGIONS,
    )  # fmt: skip
    label_map: ImageInput | None = option(
        None, "Picture whose values or colours are regions; see --label.", metavar="FILE", is_file=True,
        group="regions", serves=REGIONS,
    )  # fmt: skip
    labels: Sequence[str | int] | None = option(
        None, "The artwork of a label, such as 1=a.jpg or '#ff0000=b.jpg'; may be repeated.", flag="--label",
        metavar="LABEL=FILE", is_repeated=True, group="regions", serves=REGIONS,
    )  # fmt: skip
    background: ImageInput | Style | None = option(
        None, "What the masks leave: keep the photograph (default), or an artwork for it.", metavar="keep|FILE",
        choices=(KEEP,), is_file=True, group="regions", serves=REGIONS,
    )  # fmt: skip
    feather: float = option(
        0.0, "Soften the edges of masks by so many px of the result.", low=0, metavar="PX", group="regions",
        serves=REGIONS,
    )  # fmt: skip
    color: ColorMode | ColorPreservation | Sequence[ColorMode | ColorPreservation | None] | None = option(
        None, f"Keep the photograph's colours: {', '.join(get_args(ColorMode))}; alone means luminance; a list such as "
        "luminance,none has one for each style.", flag="--preserve-color", metavar="[MODE]", bare="luminance",
        parse=_parse_modes, group="colour", serves=PIXELS,
    )  # fmt: skip
    color_space: ColorSpace = option(
        "ycbcr", "Space of luminance.", choices=get_args(ColorSpace), group="colour", serves=PIXELS
    )
    color_method: ColorMethod = option(
        "monge-kantorovich", "Matrix of linear.", choices=get_args(ColorMethod), group="colour", serves=PIXELS
    )
    color_strength: float = option(
        1.0, "How far colours are kept, 0 to 1.", low=0, high=1, group="colour", serves=PIXELS
    )
    match_luma: bool = option(
        False, "Fit the artwork's light to the photograph's first.", group="colour", serves=PIXELS
    )
    protect: ImageInput | None = option(
        None, "Mask, white where the photograph's structure is to stay: a weaker style, and its edges kept; or faces, "
        "which finds those.", metavar="FILE|faces", choices=(FACES,), is_file=True, group="colour",
        serves=("torch", "onnx", "ray", "video"),
    )  # fmt: skip
    keep_edges: float = option(
        0.0, "Keep the photograph's edges and its calm, 0 to 1: from a little tidier to a photograph in the artwork's "
        "light and colours.", low=0, high=1, metavar="K", group="colour", serves=PIXELS,
    )  # fmt: skip
    progress: Callable[[Any], object] | None = attachment(
        "Called with a :class:`~adain.stylizer.TileProgress` after each tile."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        known = get_args(ColorMode)
        for mode in self._modes:
            if isinstance(mode, str) and mode not in known:
                self.refuse(f"{{color}} cannot be {mode!r}: {suggest(mode, known)}")
            if not (mode is None or isinstance(mode, (str, Mapping)) or hasattr(mode, "needs_content")):
                self.refuse(f"{{color}} is the name of a mode or a ColorPreservation, not {mode!r}")

    @property
    def _modes(self) -> tuple[Any, ...]:
        """What keeps colours, of each style or of all."""
        return self.color if isinstance(self.color, tuple) else (self.color,)

    @property
    def size(self) -> int:
        """:attr:`content_size` with its default resolved."""
        if self.content_size is not None:
            return self.content_size
        return GRID_SIZE if self.grid is not None or self.preview else 0

    @property
    def arrangements(self) -> list[str]:
        """The options given that say how several styles come together; :meth:`check` admits one."""
        return [name for name in ARRANGEMENTS if getattr(self, name) is not None]

    @property
    def arrangement(self) -> str:
        """How several styles come together: ``weights``, ``masks``, ``label_map``, ``gradient``, ``grid`` or empty."""
        return next(iter(self.arrangements), "")

    @property
    def has_background(self) -> bool:
        """Whether an artwork goes where masks leave something."""
        return not (self.background is None or (isinstance(self.background, str) and self.background == KEEP))

    def check(self, styles: int) -> None:
        """See that the options go together with each other and with so many styles.

        Raises:
            InputError: says what does not, and what would.
        """
        if styles == 0:
            raise InputError("no style given: at least one is needed")
        given = self.arrangements
        regional = bool({"masks", "label_map"} & set(given))
        masked = regional or self.gradient is not None
        if "weights" in given and "masks" in given:
            self.refuse(
                "{weights} blend styles over the whole picture: with {masks} give each region an {alpha} instead"
            )
        if len(given) > 1:
            self.refuse(
                f"{' and '.join(f'{{{name}}}' for name in given)} each say how styles come together: give one of them"
            )
        self.check_labels()
        for name, noun in (
            ("masks", "mask"),
            ("style_masks", "style mask"),
            ("labels", "label"),
            ("weights", "weight"),
        ):
            value = getattr(self, name)
            if value is not None and len(value) != styles:
                more = ", or none to use all of an artwork" if name == "style_masks" else ""
                counts = f"{plural(len(value), noun)} for {plural(styles, 'style')}"
                self.refuse(f"{counts}: {{{name}}} takes one for each{more}")
        if self.weights is not None and not any(self.weights):
            self.refuse("{weights} must not all be 0")
        if self.gradient is not None:
            if styles != 2:
                self.refuse(f"{{gradient}} passes from one style into another: give two, not {styles}")
            if self.background is not None or isinstance(self.alpha, tuple):
                self.refuse(
                    "{background} and several values of {alpha} go with {masks} or {label_map}, not with {gradient}"
                )
        if self.grid is not None and styles not in (2, 3, 4):
            self.refuse(f"{{grid}} is for two to four styles, not {styles}")
        if self.crop and self.wrap != "none":
            self.refuse("{crop} cuts off the sides that {wrap} lets meet: leave out one or the other")
        if self.grid is not None and self.preview:
            self.refuse("{grid} and {preview} each make a sheet: give one of them")
        if self.max_drift is not None and (self.grid is not None or self.preview):
            self.refuse("{max_drift} finds one alpha for a picture: leave out {grid} and {preview}, which show several")
        if self.background is not None and not regional:
            self.refuse("{background} needs {masks} or {label_map} to leave something for it")
        if self.feather and not masked and self.protect is None:
            self.refuse("{feather} needs {masks} or {protect} to soften the edges of")
        if isinstance(self.alpha, tuple) and not regional:
            self.refuse("several values of {alpha} need {masks}, one for each region: give one number")
        for name, noun, owner in (("alpha", "alpha", "region"), ("color", "colour mode", "style")):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) not in {styles, styles + self.has_background}:
                counts = f"{plural(len(value), noun)} for {plural(styles, owner)}"
                self.refuse(f"{counts}: {{{name}}} takes one for each, or one for all")
        self.check_color()

    def check_labels(self) -> None:
        """See that a map comes with its labels."""
        if (self.label_map is None) != (self.labels is None):
            self.refuse("{label_map} and {labels} go together: give the map, and for each style the label it is for")

    def check_color(self) -> None:
        """See that settings of colours have a mode they are of."""
        plain_modes = {mode for mode in self._modes if isinstance(mode, str)}
        known = self.declared()  # and not what is given: this is asked of each of many artworks
        for name in ("color_space", "color_method", "color_strength", "match_luma"):
            if not known[name].is_default(getattr(self, name)) and plain_modes <= {"none"}:
                self.refuse(f"{{{name}}} needs a mode by name in {{color}}, such as luminance")
        if self.match_luma and "luminance" not in plain_modes:
            self.refuse(f"{{match_luma}} goes with {{color}} luminance, not {', '.join(sorted(plain_modes))}")


ARRANGEMENTS = ("weights", "masks", "label_map", "gradient", "grid")
"""The options of which at most one says how several styles come together."""


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Declared):
    """Which networks, and how they are run."""

    model: str | None = option(
        None, "Shipped model to use (see adain weights list).", metavar="NAME", group="model", serves=NETWORKS
    )
    encoder: str | os.PathLike[str] | None = option(
        None, "Your own encoder (.safetensors).", metavar="FILE", is_file=True, group="model",
        serves=NETWORKS,
    )  # fmt: skip
    decoder: str | os.PathLike[str] | None = option(
        None, "Your own decoder (.safetensors).", metavar="FILE", is_file=True, group="model",
        serves=NETWORKS,
    )  # fmt: skip
    onnx: str | os.PathLike[str] | None = option(
        None, "Use the model that adain export wrote there.", metavar="FOLDER", is_file=True,
        group="model", serves=("onnx", "video"),
    )  # fmt: skip
    backend: Backend = option(
        "auto", "What computes: torch, ncnn (a CPU, twice as fast) or onnx (see --onnx); auto is torch on a GPU.",
        choices=get_args(Backend), group="model", is_decisive=False,
    )  # fmt: skip
    device: str = option(
        "auto", "auto, cpu, cuda, cuda:N, mps, or vulkan (by ncnn).", metavar="NAME", group="model", serves=NETWORKS,
        is_decisive=False,
    )  # fmt: skip
    precision: Precision = option(
        "auto", "What the networks compute in; auto is bf16 on CUDA and fp32 elsewhere.", choices=get_args(Precision),
        group="model", serves=NETWORKS,
    )  # fmt: skip
    style_cache: str | os.PathLike[str] | None = option(
        None, "Folder that keeps encoded styles for later calls.", metavar="DIR", is_file=True, group="model",
        serves=("torch", "onnx", "video"), is_decisive=False,
    )  # fmt: skip
    max_pixels: int | None = option(
        None, "Largest picture to open or make, in pixels.", low=1, metavar="N", group="model", is_decisive=False
    )
    seed: int = option(0, "Seed of everything random.", metavar="N", group="model", is_decisive=False)


@dataclass(frozen=True, kw_only=True)
class FileOptions(Options, ModelOptions):
    """What a photograph is to become, by which networks, in a file."""

    quality: int = option(95, "Of JPEG and WebP files.", low=1, high=100, group="files")
    bits: int = option(
        8, "Bits of a colour in the file: 8, or 16 in PNG and TIFF.", low=8, high=16, metavar="8|16", group="files",
        serves=PICTURES,
    )  # fmt: skip
    dither: bool = option(
        False, "Round to 8 bits up or down by a pattern, so that smooth skies have no steps.", group="files",
        serves=PICTURES,
    )  # fmt: skip
    metadata: MetadataMode = option(
        "basic", "What results keep of the photograph's EXIF: date, author, copyright and description (basic); all "
        "that is still true, with XMP and the place (keep); or none.",
        choices=get_args(MetadataMode), group="files", serves=PICTURES,
    )  # fmt: skip
    page: int | str = option(
        1, "Page of a photograph in a TIFF of several, or frame of an animation, from 1; or all.", low=1,
        metavar=f"N|{ALL_PAGES}", parse=_parse_page, group="files", serves=PICTURES, is_decisive=False,
    )  # fmt: skip

    def written(self) -> dict[str, Any]:
        """What :func:`~adain.save_image` is to be told."""
        return {"quality": self.quality, "bits": self.bits}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bits not in (8, 16):
            self.refuse(f"{{bits}} is 8 or 16, not {self.bits}")


def check_alpha(alpha: float) -> float:
    """``alpha`` as a float, or :class:`~adain.InputError` if it is outside ``[0, 1]``."""
    if isinstance(alpha, float) and 0.0 <= alpha <= 1.0:  # in order, and torch.compile does not see through the rest
        return float(alpha)
    Options.declared()["alpha"].check(alpha)
    return float(alpha)


def normalize_weights(weights: Sequence[float]) -> list[float]:
    """Weights scaled to sum 1.

    Raises:
        InputError: if one is negative or not a finite number, or all are 0.
    """
    values = [float(w) for w in weights]
    if not values or any(not math.isfinite(w) or w < 0 for w in values) or not sum(values) > 0:
        raise InputError(f"style weights must be finite, not negative, and not all 0: {', '.join(map(str, weights))}")
    return [w / sum(values) for w in values]


def plural(count: int, noun: str) -> str:
    """``1 style``, ``2 styles``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
