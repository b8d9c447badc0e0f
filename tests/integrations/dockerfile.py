"""What a Dockerfile says, read as far as tests need it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "integrations" / "docker"


@dataclass
class Stage:
    """From one FROM to the next.

    Attributes:
        base: the image it begins with, and ``name`` what others call the stage.
        args: build arguments with their defaults.
        env: variables of the environment.
        steps: all other instructions, in order.
    """

    base: str
    name: str
    args: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """What follows an instruction, each time it is there."""
        return [text for known, text in self.steps if known == instruction]

    def one(self, instruction: str) -> str:
        (text,) = self.all(instruction)
        return text

    def command(self, instruction: str) -> list[str]:
        """The words of a command in brackets, which no shell comes between."""
        words = json.loads(self.one(instruction)[self.one(instruction).index("[") :])
        assert all(isinstance(word, str) for word in words)
        return list(words)


def read(path: Path = FOLDER / "Dockerfile") -> tuple[dict[str, str], list[Stage]]:
    """The arguments before the first stage, and the stages."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    first: dict[str, str] = {}
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        instruction, _, rest = line.partition(" ")
        rest = rest.strip()
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        elif instruction == "ARG":
            name, _, default = rest.partition("=")
            (stages[-1].args if stages else first)[name] = default
        elif instruction == "ENV":
            stages[-1].env |= dict(pair.split("=", 1) for pair in rest.split())
        else:
            stages[-1].steps.append((instruction, rest))
    return first, stages
