"""Which photograph meets which artwork: each with each, in turn, or drawn at random."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._utils.errors import InputError
from ..options import plural
from .options import FolderOptions, Pairs

if TYPE_CHECKING:
    from .plan import Found


@dataclass(frozen=True)
class Pairing:
    """How photographs and styles come together; see :class:`~adain.batch.FolderOptions`.

    Attributes:
        pairs: ``"product"``, ``"zip"`` or ``"random"``.
        per_content: styles that each photograph is given at random, as far as there are so many.
        seed: of what is random.
    """

    pairs: Pairs = "product"
    per_content: int = 1
    seed: int = 0

    @classmethod
    def of(cls, options: FolderOptions) -> Pairing:
        """What the options say.

        Raises:
            InputError: if they contradict each other.
        """
        if options.styles_per_content is not None and options.pairs != "random":
            options.refuse("{styles_per_content} is of styles drawn at random: add {pairs} random, or leave it out")
        if options.arrangement and options.pairs != "product":
            together = f"{{{options.arrangement}}} puts all styles into each: leave out one"
            options.refuse(f"{{pairs}} {options.pairs} makes one result of each pair, but {together}")
        return cls(options.pairs, options.styles_per_content or 1, options.seed)

    def several(self, styles: int) -> bool:
        """Whether a photograph has more than one result, where there are so many styles."""
        return {"product": styles, "zip": 1, "random": min(self.per_content, styles)}[self.pairs] > 1

    def couples(self, contents: Sequence[Found], styles: int) -> Iterator[tuple[int, int]]:
        """Index of a photograph and of a style, those of one photograph in a row.

        Raises:
            InputError: if ``"zip"`` has neither one style nor as many as photographs.
        """
        if self.pairs == "product":
            return ((content, style) for content in range(len(contents)) for style in range(styles))
        if self.pairs == "random":
            drawn = (draw(self.seed, found.drawn_as, styles, self.per_content) for found in contents)
            return ((content, style) for content, several in enumerate(drawn) for style in several)
        if styles not in (1, len(contents)):
            raise InputError(
                f"pairs by zip need as many styles as photographs, or one for all, not {plural(styles, 'style')} for "
                f"{plural(len(contents), 'photograph')}: add or remove some, or pair them by product"
            )
        return ((content, content if styles > 1 else 0) for content in range(len(contents)))

    def distinct_names(self, names: Sequence[str]) -> list[str]:
        """Names of styles for results; of those drawn at random, several of one name are told apart by a number.

        So that it is not left to chance whether two results would be one file.
        """
        return told_apart(names) if self.pairs == "random" else [*names]


def told_apart(names: Sequence[str]) -> list[str]:
    """Names of which the second of each has a 2 behind it, and so on.

    >>> told_apart(["wave", "night", "wave"])
    ['wave', 'night', 'wave-2']
    """
    taken, seen, made = set(names), set[str](), []
    numbers: Counter[str] = Counter()
    for name in names:
        own = name
        while own in seen or (own != name and own in taken):
            numbers[name] += 1
            own = f"{name}-{numbers[name] + 1}"
        seen.add(own)
        made.append(own)
    return made


def draw(seed: int, name: str, among: int, count: int) -> list[int]:
    """``count`` different numbers below ``among``, or all of them where there are fewer, by seed and name alone.

    The first steps of a shuffle (Fisher & Yates 1938; Durstenfeld 1964) whose every choice is a SHA-256: the same on
    every machine, in any version of Python, and whatever else is drawn. Each set is as likely as any other.

    >>> draw(0, "dog/x.jpg", 79_434, 2) == draw(0, "dog/x.jpg", 79_434, 3)[:2]
    True
    """
    # A file system may hand out other bytes for the same letters.
    text = unicodedata.normalize("NFC", name)
    moved: dict[int, int] = {}  # what a shuffle has put elsewhere
    drawn = []
    for step in range(min(count, among)):
        key = f"{seed}\0{text}\0{step}".encode("utf-8", "surrogateescape")
        place = step + int.from_bytes(hashlib.sha256(key).digest(), "big") % (among - step)
        drawn.append(moved.get(place, place))
        moved[place] = moved.get(step, step)
    return drawn
