"""Which texts people may send: limits that also a browser can check, by the same regular expressions."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

CONTROLS = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
CONTROLS_BUT_LINES = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
VISIBLE = r"[^\s\u00ad\u200b-\u200f\u2060\ufeff]"
"""Mean the same to Python and to a browser, which gets them in the JSON schema of a field."""

MESSAGE_MAX = 5_000
NOTE_MAX = 2_000
COMMENT_MAX = 1_000
_LINE_ENDS = re.compile(r"\r\n?")


def _refuse(pattern: str, problem: str) -> AfterValidator:
    forbidden = re.compile(pattern)

    def check(text: str) -> str:
        if forbidden.search(text):
            raise ValueError(problem)
        return text

    return AfterValidator(check)


def _require_visible(text: str) -> str:
    if not re.search(VISIBLE, text):
        raise ValueError("must not be empty")
    return text


def _unify_line_ends(value: object) -> object:
    return _LINE_ENDS.sub("\n", value) if isinstance(value, str) else value


ONE_LINE = _refuse(CONTROLS, "must be one line without control characters")
LINES = _refuse(CONTROLS_BUT_LINES, "must not contain control characters")
NOT_BLANK = AfterValidator(_require_visible)

MessageText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MESSAGE_MAX),
    BeforeValidator(_unify_line_ends),
    LINES,
    NOT_BLANK,
    Field(title="Message", json_schema_extra={"forbidden": CONTROLS_BUT_LINES, "visible": VISIBLE}),
]

NoteText = Annotated[
    str, StringConstraints(max_length=NOTE_MAX), BeforeValidator(_unify_line_ends), LINES, Field(title="Note")
]

CommentText = Annotated[
    str, StringConstraints(max_length=COMMENT_MAX), BeforeValidator(_unify_line_ends), LINES, Field(title="Comment")
]
