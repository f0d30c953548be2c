"""The files of batch commands: JSON lines in, JSON lines out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from agent.errors import BadInput

Parsed = TypeVar("Parsed")


def read_lines(file: Path, parse: Callable[[list[str]], Parsed]) -> Parsed:
    """What `parse` makes of the lines. Raises BadInput naming the file, and what of it `parse` refuses."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(str(file), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(str(file), "is not UTF-8") from error
    try:
        return parse(text.split("\n"))
    except BadInput as error:
        raise BadInput(f"{file}, {error.field}", error.problem) from error


def check_can_hold(out: Path | None) -> None:
    """Before the work, so that it is not done for nothing. Raises BadInput."""
    if out is not None and not out.absolute().parent.is_dir():
        raise BadInput("--out", f"the folder {out.parent} does not exist")


def write_whole(out: Path | None, lines: str) -> None:
    """To stdout without a file; the file appears whole or not at all. Raises BadInput."""
    if out is None:
        typer.echo(lines, nl=False)
        return
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        part.write_text(lines, encoding="utf-8")
        part.replace(out)
    except OSError as error:
        raise BadInput("--out", f"{out} cannot be written: {error.strerror}") from error
