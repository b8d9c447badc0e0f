"""Flags made from the options as they are declared, and the values of flags made into options again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import InputError
from adain.options import Declaration, Declared, Options, Unfit, parse_numbers

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])
D = TypeVar("D", bound=Declared)

SNAKE_CASE = {"token_normalize_func": lambda token: token.replace("_", "-")}
"""Context settings under which ``--style_size`` is ``--style-size``."""

REMOVED = {
    "--region-alpha": "give --alpha a list, such as --alpha 1,0.5",
    "--keep-memory": "set MALLOC_MMAP_MAX_=0 and MALLOC_TRIM_THRESHOLD_=-1 in the environment",
    "export --precision": "use --storage",
}
"""Flags of version 0.1 that are gone, of one command or of all, with what serves in their place."""


def options_of(
    cls: type[Declared], *, place: str | None = None, only: Sequence[str] | None = None, without: Sequence[str] = ()
) -> Callable[[Command], Command]:
    """Give a command the flags of a class of options.

    Args:
        place: leave out what is not served there; see :data:`adain._utils.declare.PLACES`.
        only: the names of the options to take, of all.
        without: the names of those to leave out.
    """

    def decorate(command: Command) -> Command:
        for each in reversed(cls.declared().values()):
            served = place is None or place in each.serves
            if served and each.name not in without and (only is None or each.name in only):
                for make in reversed(_flags(each)):
                    command = make(command)
        return command

    return decorate


def take(cls: type[D], values: dict[str, Any], **more: Any) -> D:
    """The options of a class among the values of a command, which are taken out of them; and more.

    Raises:
        InputError: if they are out of range, or two flags contradict each other.
    """
    given = {}
    for each in cls.declared().values():
        value = values.pop(each.name, None)
        if value is not None and value != ():
            given[each.name] = value
        said = [(flag, chosen) for flag, chosen, _ in each.switches if values.pop(_dest(each, flag), None)]
        if len(said) > 1:
            raise click.UsageError(f"{' and '.join(flag for flag, _ in said)} contradict each other: give one of them")
        if said:
            given[each.name] = said[0][1]
    return cls(**(given | more))


class OneCommand(click.Command):
    """A command whose help has its options in groups, and that knows the flags it once had."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if hint := self.hint(error.option_name):
                raise click.UsageError(hint, ctx) from None
            raise

    def hint(self, name: str) -> str:
        """What to do in place of a flag that there is not; empty if nothing is known."""
        name = name.replace("_", "-")
        instead = REMOVED.get(name) or REMOVED.get(f"{self.name} {name}")
        return f"{name} is gone: {instead}" if instead else ""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                groups.setdefault(getattr(parameter, "group", ""), []).append(record)
        for group in sorted(groups, key=lambda group: group != ""):
            with formatter.section(_(group.capitalize() or "Options")):
                formatter.write_dl(groups[group])


class _Flag(click.Option):
    """A flag that knows its group."""

    def __init__(self, *args: Any, group: str = "", **more: Any) -> None:
        super().__init__(*args, **more)
        self.group = group


class _Value(click.ParamType[Any]):
    """The value of an option, read from its text."""

    def __init__(self, declared: Declaration) -> None:
        kind = declared.kind.removesuffix(" | None")
        self.declared, self.name = declared, {"int": "N", "float": "X"}.get(kind, "text")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        each = self.declared
        try:
            value = _read(each, value) if isinstance(value, str) else value
            each.check((value,) if each.is_repeated else value)
        except Unfit as error:
            raise click.BadParameter(error.flags.removeprefix(f"{each.flag} "), ctx, param) from None
        except InputError as error:  # a sentence already
            raise click.BadParameter(str(error), ctx, param) from None
        except ValueError as error:
            hint = "" if each.bare is None else f" ({each.flag} alone goes last, or is {each.flag}={each.bare})"
            raise click.BadParameter(f"must be {error}{hint}", ctx, param) from None
        return value


def _read(each: Declaration, text: str) -> Any:
    if each.parse is not None:
        return each.parse(text)
    if each.takes_numbers:
        return parse_numbers(text)
    kind = each.kind.removesuffix(" | None")
    if kind in ("int", "float"):
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            raise ValueError(f"a {'whole ' if kind == 'int' else ''}number, not {text}") from None
    return text


def _flags(each: Declaration) -> list[Callable[[Command], Command]]:
    """What gives a command the flags of an option."""
    made: list[Callable[[Command], Command]] = []
    if each.flag:
        more: dict[str, Any] = {"help": _help(each), "group": each.group, "cls": _Flag, "metavar": each.metavar}
        names = [name for name in (each.short, each.flag) if name]
        if each.is_switch:
            more |= {"is_flag": True, "default": None}
        elif each.choices and not each.is_file:
            more["type"] = click.Choice(each.choices)
        elif each.is_file and each.parse is None:
            more["type"] = click.Path()
        else:
            more["type"] = _Value(each)
        if each.bare is not None:
            more |= {"is_flag": False, "flag_value": str(each.bare)}
        if each.is_repeated:
            more["multiple"] = True
        made.append(click.option(*names, each.name, **more))
    for flag, _value, text in each.switches:
        made.append(
            click.option(flag, _dest(each, flag), is_flag=True, default=None, help=text, group=each.group, cls=_Flag)
        )
    return made


def _help(each: Declaration) -> str:
    quiet = each.default is None or each.default == () or isinstance(each.default, bool)
    default = each.shown or (None if quiet else each.default)
    return each.help if default is None else f"{each.help} [default: {default}]"


def _dest(each: Declaration, flag: str) -> str:
    return f"{each.name}_{flag.strip('-').replace('-', '_')}"


def label_styles(values: dict[str, Any]) -> list[str]:
    """The artworks of ``--label LABEL=FILE``, whose labels alone stay among the values.

    Raises:
        UsageError: if one is not ``LABEL=FILE``.
        InputError: if there are labels without a map, or the other way round.
    """
    artworks, labels = [], []
    for text in values.get("labels") or ():
        label, equals, path = text.partition("=")
        if not (label and equals and path):
            raise click.UsageError(f"--label is LABEL=FILE, such as 1=a.jpg, not {text}")
        labels.append(label)
        artworks.append(path)
    values["labels"] = tuple(labels)
    Options(label_map=values.get("label_map"), labels=labels or None).check_labels()
    return artworks


def pictures(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and folders; where none begins like that, the samples that do. For ``shell_complete=`` of a parameter."""
    import glob

    from click.shell_completion import CompletionItem

    from adain._utils.resources import samples

    named = [s for s in samples() if s.name.startswith(incomplete)]
    if not incomplete or not named or glob.glob(f"{glob.escape(incomplete)}*"):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(s.name, help=f"{s.title}, {s.author}") for s in named]
