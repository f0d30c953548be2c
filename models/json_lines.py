"""Files of JSON lines: one record a line, and the first bad line named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from agent.errors import BadInput

Record = TypeVar("Record", bound=BaseModel)


def parse_lines(lines: Iterable[str], model: type[Record], hint: str = "") -> list[Record]:
    """The lines as records, in order; empty lines do not count.

    Raises BadInput naming the first line that is none and its field; `hint` follows, and nothing of the line itself.
    """
    records = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            records.append(model.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = f"{first['loc'][0]}: " if first["loc"] else ""
            raise BadInput(f"line {number}", f"{place}{first['msg']}{hint}") from None
    return records
