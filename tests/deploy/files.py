"""Readers of the container files."""

import re
import shlex
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[2]


def dockerfile() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions in order: name and the rest."""
    lines = (REPOSITORY / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined if line.strip()]


def image_environment() -> dict[str, str]:
    """Return the variables that the image's last stage sets."""
    instructions = dockerfile()
    last_stage = max(n for n, (name, _) in enumerate(instructions) if name == "FROM")
    return {
        variable: value
        for name, rest in instructions[last_stage:]
        if name == "ENV"
        for variable, _, value in (word.partition("=") for word in shlex.split(rest))
    }


def services() -> dict[str, dict[str, Any]]:
    """Return the services of compose.yaml, merged but not interpolated."""
    text = (REPOSITORY / "compose.yaml").read_text()
    loaded: dict[str, dict[str, Any]] = YAML(typ="safe").load(text)["services"]
    return loaded
