"""Widgets of nodes, made of the options as the library declares them: their defaults, ranges, choices and help."""

from __future__ import annotations

from typing import Any

from adain.options import Declared

Widget = tuple[Any, dict[str, Any]]
"""A type, or a list of choices, and what is known of the widget."""

LONGEST_SIDE = 16384
"""Of pictures in ComfyUI, which leaves numbers without a limit at 2048."""


def widget(options: type[Declared], name: str, *, help: str | None = None, **more: Any) -> Widget:
    """The widget of an option.

    Args:
        options: the class that declares it.
        name: of the option.
        help: in place of its own, where that speaks of what nodes have inputs for.
        more: what else is known of the widget. Where an option may be left out, a number has the default 0 for that.
    """
    declared = options.declared()[name]
    about: dict[str, Any] = {"default": declared.default, "tooltip": help or declared.help}
    if declared.choices:
        return list(declared.choices), about | more
    if declared.is_switch:
        return "BOOLEAN", about | more
    if not declared.is_number:
        return "STRING", about | more
    is_whole = declared.kind.startswith("int")
    about |= {"min": declared.low or 0, "max": declared.high, "step": 1 if is_whole else 0.01}
    if declared.default is None:
        about["default"] = 0
    if declared.high is None:
        about["max"] = LONGEST_SIDE
    about |= more
    for key in ("default", "min", "max"):
        about[key] = int(about[key]) if is_whole else float(about[key])
    return "INT" if is_whole else "FLOAT", about


def link(kind: str, help: str) -> Widget:
    """An input that takes what another node gives."""
    return kind, {"tooltip": help}
