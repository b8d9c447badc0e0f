"""The styles of a call: files, folders, banks, pictures and looks, each with a name; those of banks read when used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..augment import StyleBank, is_bank
from ..control.style import SUFFIX
from ..image import SUFFIXES
from ..options import Options
from ..stylizer.looks import Look, each, files_of
from .options import FolderOptions
from .pairing import told_apart
from .plan import Found, distinct

if TYPE_CHECKING:
    from ..stylizer.looks import Model

ENCODED = ("style_size", "fine_style_size", "style_masks", "preview", "refine")
"""The options that say how artworks are encoded, or need their pictures: a bank has neither."""


class StyleList(Mapping[int, Look]):
    """Looks by number. Those of banks are read when they are asked for, so that 100,000 cost nothing.

    Attributes:
        names: of each, for results.
        banks: that they are of.
    """

    def __init__(self, looks: Sequence[Look], names: Sequence[str], banks: Sequence[StyleBank], options: Any) -> None:
        self.looks, self.banks, self.options = [*looks], [*banks], options
        own = [_plain(name) for bank in banks for name in bank.names]
        self.names = told_apart([*names, *own]) if banks else [*names]

    def __getitem__(self, number: int) -> Look:
        if number < len(self.looks):
            return self.looks[number]
        left = number - len(self.looks)
        for bank in self.banks:
            if left < len(bank):
                return Look(bank[left], self.options, self.names[number])
            left -= len(bank)
        raise KeyError(number)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def files(self) -> Iterator[str]:
        """The files that they are made of."""
        yield from files_of(self.looks)
        yield from (str(bank.path) for bank in self.banks)

    def check(self, model: Model) -> None:
        """InputError, if a bank is of another encoder than a model's."""
        for bank in self.banks:
            bank.check(model)  # type: ignore[arg-type]

    @classmethod
    def of(
        cls, styles: Sequence[Any], options: FolderOptions, search: Callable[[Sequence[Any]], list[Found]]
    ) -> StyleList:
        """The looks of what was given.

        Args:
            styles: files, folders and banks; or pictures, encoded styles and looks.
            options: what is said of all of them.
            search: finds the files of folders.

        Raises:
            InputError: if the options contradict each other, or do not go with a bank.
            MissingFileError, ImageError: if there is no such folder, or no picture in it.
        """
        is_one = bool(options.arrangement)
        if not all(isinstance(style, (str, os.PathLike)) for style in styles):
            # A look has its own options; what is said of folders and networks is for all.
            of_looks = any(isinstance(style, Look) for style in styles)
            looks = each(styles, Options.of(options) if of_looks else options)
            return cls(looks, [look.name for look in looks], [], options)
        given = [style for style in styles if os.fspath(style).lower().endswith(SUFFIX) and is_bank(style)]
        banks = [StyleBank.open(style, None) for style in given]
        files = [style for style in styles if style not in given]
        _check(banks, options)
        if banks and not files:
            return cls([], [], banks, options)
        # In one result an artwork may well have two regions; one result for each needs it only once.
        found = search(files)
        found = found if is_one or options.pairs == "zip" else distinct(found)
        names = ["+".join(art.name for art in found)] if is_one else [art.name for art in found]
        return cls(each([art.path for art in found], options), names, banks, options)


def _plain(name: str) -> str:
    """The name of a bank's style as part of a file's: without folders, and the ending of the picture it was."""
    stem, suffix = os.path.splitext(name.replace("/", "-").replace("\0", ""))
    return (stem if suffix.lower() in SUFFIXES else stem + suffix) or "style"


def _check(banks: Sequence[StyleBank], options: FolderOptions) -> None:
    """See that options go with banks."""
    for bank in banks:
        if wrong := [name for name in ENCODED if name in options.given()]:
            options.refuse(f"{bank.path.name} holds styles that are encoded already: leave out {{{wrong[0]}}}")
        if options.arrangement:
            options.refuse(
                f"{{{options.arrangement}}} brings a few styles together, and {bank.path.name} is a bank of many: give "
                "the artworks themselves"
            )
        if not len(bank):
            options.refuse(f"{bank.path.name} holds a distribution and no styles: give a bank of artworks")
        if Look(bank[0], options).recolours:
            options.refuse(f"{{color}} recolours the artworks, and {bank.path.name} has their statistics alone")
