"""The options that control colour, region, blend and scale, and what they say together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import defaults
from adain._utils.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from adain.control.color import ColorPreservation

Command = TypeVar("Command", bound=Callable[..., Any])

PRESERVE_COLOR = "--preserve-color"
KEEP = "keep"
NONE = "none"


class BareColorFlag(click.Command):
    """A command whose ``--preserve-color`` may stand alone.

    click would take whatever follows for its value, and ``--preserve-color photo.jpg art.jpg`` means a photograph.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, complete_color_flag(args))


def complete_color_flag(args: Sequence[str]) -> list[str]:
    """``args`` with ``--preserve-color`` given the default mode wherever no mode follows it."""
    done: list[str] = []
    for k, arg in enumerate(args):
        if arg == "--":
            return [*done, *args[k:]]
        alone = arg.replace("_", "-") == PRESERVE_COLOR and not _modes(args[k + 1] if k + 1 < len(args) else "")
        done.append(f"{PRESERVE_COLOR}={defaults.COLOR_MODE}" if alone else arg)
    return done


def _modes(text: str) -> bool:
    """Whether a text is a list of colour modes and nothing else."""
    return all(part.strip() in defaults.COLOR_MODES for part in text.split(","))


def _choices(values: Sequence[str]) -> click.Choice[str]:
    return click.Choice([*values])


def color_options(command: Command) -> Command:
    """What keeps the photograph's colours."""
    for option in (
        click.option("--match-luma", is_flag=True, help="Fit the artwork's light to the photograph's first."),
        click.option(
            "--color-strength", type=click.FloatRange(0.0, 1.0),
            help=f"How far colours are kept, 0 to 1. [default: {defaults.COLOR_STRENGTH}]",
        ),
        click.option(
            "--color-method", type=_choices(defaults.COLOR_METHODS),
            help=f"Matrix of linear. [default: {defaults.COLOR_METHOD}]",
        ),
        click.option(
            "--color-space", type=_choices(defaults.COLOR_SPACES),
            help=f"Space of luminance. [default: {defaults.COLOR_SPACE}]",
        ),
        click.option(
            PRESERVE_COLOR, metavar="[MODE]",
            help=f"Keep the photograph's colours: {', '.join(defaults.COLOR_MODES)}; alone means "
            f"{defaults.COLOR_MODE}; a list such as luminance,none has one for each style.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def region_options(command: Command) -> Command:
    """Which style goes where."""
    for option in (
        click.option(
            "--feather", type=click.FloatRange(0.0), default=defaults.FEATHER, show_default=True, metavar="PX",
            help="Soften the edges of masks by so many px of the result.",
        ),
        click.option(
            "--background", metavar="keep|FILE",
            help="What the masks leave: keep the photograph (default), or an artwork for it.",
        ),
        click.option(
            "--label", "labels", multiple=True, metavar="LABEL=FILE",
            help="The artwork of a label, such as 1=a.jpg or '#ff0000=b.jpg'; may be repeated.",
        ),
        click.option("--label-map", metavar="FILE", help="Picture whose values or colours are regions; see --label."),
        click.option(
            "--style-mask", "style_masks", multiple=True, metavar="FILE|none",
            help="Part of the artwork to take the style from; once for each style.",
        ),
        click.option(
            "--mask-channel", type=_choices(defaults.MASK_CHANNELS), default=defaults.MASK_CHANNELS[0],
            show_default=True, help="What of masks is read.",
        ),
        click.option(
            "--mask", "masks", multiple=True, metavar="FILE",
            help="Where a style goes, white on black; once for each style, all in one result.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def blend_options(command: Command) -> Command:
    """How styles of the one pass come together, and at which scale."""
    for option in (
        click.option(
            "--fine-style-size",
            type=click.IntRange(0),
            help="Fine texture from the artwork at this size in px, coarse structure from --style-size.",
        ),
        click.option(
            "--style-grid", type=click.IntRange(2, 16), metavar="N",
            help="Two to four styles: one picture of N, a triangle of N, or N x N blends.",
        ),
        click.option(
            "--gradient", metavar="DIRECTION|FILE",
            help=f"Two styles, one passing into the other: {', '.join(defaults.DIRECTIONS)}, or by a mask.",
        ),
        click.option("--region-alpha", metavar="A,A,...", help="Strength of each region, times --alpha."),
    ):  # fmt: skip
        command = option(command)
    return command


def control_options(command: Command) -> Command:
    """The options of :class:`Controls`."""
    return color_options(region_options(blend_options(command)))


@dataclass(frozen=True)
class Controls:
    """The values of :func:`control_options`, as click gives them."""

    preserve_color: str | None
    color_space: str | None
    color_method: str | None
    color_strength: float | None
    match_luma: bool
    masks: tuple[str, ...]
    mask_channel: str
    style_masks: tuple[str, ...]
    label_map: str | None
    labels: tuple[str, ...]
    background: str | None
    feather: float
    region_alpha: str | None = None
    gradient: str | None = None
    style_grid: int | None = None
    fine_style_size: int | None = None

    @classmethod
    def take(cls, options: dict[str, Any]) -> Controls:
        """Those of a command's options, which are taken out of them; a command need not have them all."""
        controls = cls(
            **{field.name: options.pop(field.name) for field in dataclasses.fields(cls) if field.name in options}
        )
        controls.check()
        return controls

    def check(self) -> None:
        """See that the options go together.

        Raises:
            InputError: if they do not.
        """
        if bool(self.labels) != (self.label_map is not None):
            raise InputError("--label-map and --label go together: --label-map map.png --label 1=a.jpg --label 2=b.jpg")
        modes = self.modes()
        for name in ("color_space", "color_method", "color_strength", "match_luma"):
            if getattr(self, name) not in (None, False) and set(modes) <= {"none"}:
                raise InputError(f"--{name.replace('_', '-')} needs {PRESERVE_COLOR}")
        if self.match_luma and "luminance" not in modes:
            raise InputError(f"--match-luma goes with {PRESERVE_COLOR} luminance, not {', '.join(modes)}")

    def modes(self) -> list[str]:
        """The colour modes named: one, or one for each style."""
        return [] if self.preserve_color is None else [mode.strip() for mode in self.preserve_color.split(",")]

    def colors(self) -> list[ColorPreservation]:
        """What :meth:`modes` stand for.

        Raises:
            InputError: if there is no such mode.
        """
        from adain.control.color import ColorPreservation

        given = {"space": self.color_space, "method": self.color_method, "strength": self.color_strength}
        settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return [
            ColorPreservation(mode, **settings, match_luma=self.match_luma and mode == "luminance")
            for mode in self.modes()
        ]

    def label_styles(self) -> list[tuple[str, Path]]:
        """Labels and their artworks.

        Raises:
            InputError: if one is not ``LABEL=FILE``.
        """
        pairs = []
        for text in self.labels:
            label, equals, path = text.partition("=")
            if not (label and equals and path):
                raise InputError(f"--label is LABEL=FILE, such as 1=a.jpg, not {text}")
            pairs.append((label, Path(path)))
        return pairs

    def label_masks(self, max_pixels: int | None) -> list[Tensor]:
        """The mask of each label.

        Raises:
            InputError: if a label is not in the map, or one in the map has no style and no ``--background`` is given.
            MissingFileError, ImageError: if the map cannot be read.
        """
        from adain.control.labels import check_labels, label_masks, read_label_map, unstyled_labels

        assert self.label_map is not None
        labels = [label for label, _ in self.label_styles()]
        colors = any(label.startswith("#") for label in labels)
        label_map = read_label_map(self.label_map, colors=colors, max_pixels=max_pixels)
        # Whoever says what becomes of the rest has not forgotten it.
        rest = unstyled_labels(label_map, labels) if self.background is not None else []
        masks = label_masks(label_map, labels)  # first, as a mistyped label leaves another without a style
        try:
            check_labels(label_map, labels, background=rest)
        except InputError as error:
            hint = "name it as background"
            raise InputError(str(error).replace(hint, "say --background keep")) from None
        return masks

    def background_style(self) -> Path | None:
        """The artwork for what masks leave; None keeps the photograph."""
        return None if self.background in (None, KEEP) else Path(str(self.background))

    def style_mask_paths(self) -> list[str | None] | None:
        """One for each style, None for all of it."""
        return [None if text == NONE else text for text in self.style_masks] or None

    def region_alphas(self) -> list[float] | None:
        """One for each region."""
        return None if self.region_alpha is None else parse_numbers("--region-alpha", self.region_alpha)


def parse_numbers(option: str, text: str) -> list[float]:
    """Numbers separated by commas.

    Raises:
        InputError: if they are not.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} must be numbers such as 0.7,0.3, not {text}") from None
