"""What can be said of many photographs beside what they are to become; free of torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..options import FileOptions, attachment, option

if TYPE_CHECKING:
    from ..stylizer.looks import Model

Pairs = Literal["product", "zip", "random"]
"""How several photographs and several styles come together: each with each, the first with the first and so on, or
each photograph with some that are drawn for it."""

Naming = Literal["underscore", "dash", "content"]
"""What results are called: ``x_stylized_wave.jpg``, ``x-stylized-wave.jpg``, or as the photograph is."""

Way = Literal["auto", "on", "off"]
"""Whether photographs are read and written in strips."""

Existing = Literal["resume", "skip", "redo"]
"""What becomes of results that are there: kept if they are what would be made, kept whatever they are, or made anew."""


@dataclass(frozen=True, kw_only=True)
class FolderOptions(FileOptions):
    """What many photographs are to become, and how they are gone through."""

    pairs: Pairs = option(
        "product", "Every photograph in every style; zip: the first in the first, the second in the second, ...; "
        "random: each in some that are drawn for it by --seed and its name.",
        choices=get_args(Pairs), group="folders", is_decisive=False,
    )  # fmt: skip
    styles_per_content: int | None = option(
        None, "Styles drawn for each photograph, all different, with --pairs random.", low=1, metavar="N", shown="1",
        group="folders", is_decisive=False,
    )  # fmt: skip
    naming: Naming = option(
        "underscore", "Results are called x_stylized_wave.jpg, with dash x-stylized-wave.jpg, or with content as the "
        "photograph, x.jpg.", choices=get_args(Naming), group="folders", is_decisive=False,
    )  # fmt: skip
    copy_labels: bool = option(
        False, "Copy what lies in the folders and is no picture, annotations, to where the results are; that of a "
        "photograph is called as its results.", group="folders", is_decisive=False,
    )  # fmt: skip
    image_key: str | None = option(
        None, "Members of shards (.tar) that are pictures, by their endings; the others are copied.",
        metavar="EXT[,EXT...]", shown="those of pictures", group="folders", serves=("torch", "onnx"), is_decisive=False,
    )  # fmt: skip
    recursive: bool = option(
        False, "Take sub-folders, too; results keep their structure.", short="-r", group="folders", is_decisive=False
    )
    existing: Existing = option(
        "resume", "What becomes of results that are there: kept if they are what would be made, kept, or made anew.",
        flag="", choices=get_args(Existing), group="folders", is_decisive=False,
        switches=(
            ("--skip-existing", "skip", "Keep every result that is there, whatever made it."),
            ("--redo", "redo", "Make everything anew, also what is there already."),
        ),
    )  # fmt: skip
    jobs: int = option(
        1, "Processes that share the photographs of a folder; each loads the network.", low=1, metavar="N",
        group="folders", serves=("torch", "onnx"), is_decisive=False,
    )  # fmt: skip
    suffix: str | None = option(
        None, "Format of results in a folder, e.g. .png.", metavar=".EXT", shown="the photograph's", group="files",
        is_decisive=False,
    )  # fmt: skip
    pyramid: bool = option(
        False, "Write TIFFs with smaller copies beside the picture, for viewers (needs adain[large]).", group="files",
        serves=("torch", "onnx"), is_decisive=False,
    )  # fmt: skip
    strips: Way = option(
        "auto", "Read and write photographs in strips, which bounds memory (needs adain[large]); auto: those of more "
        "pixels than --max-pixels is by default.", choices=get_args(Way), group="files", serves=("torch", "onnx"),
        is_decisive=False,
    )  # fmt: skip
    refine: int | None = option(
        None, "Optimise every result for N steps afterwards (see adain refine).", low=1, metavar="N",
        group="refinement", serves=("torch",),
    )  # fmt: skip
    stylizer: Model | None = attachment("The networks to use, in place of those that the options name.")
    progress: Callable[[Any], object] | None = attachment(
        "Called with each result, in order, as soon as it is there, and after each tile."
    )
