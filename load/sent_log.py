"""What load generators sent, a JSON line a message, so that one auditor can check several of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from agent.records import Channel
from crm.audit import SentMessage, digest_body


@dataclass(frozen=True, slots=True)
class SentLine:
    """`ticket_id` is empty for a submission, whose ticket did not exist yet."""

    key: str
    ticket_id: str
    sha256: str
    acknowledged: bool

    @classmethod
    def of(cls, key: str, body: str, *, acknowledged: bool, ticket_id: str = "") -> SentLine:
        return cls(key, ticket_id, digest_body(body).hex(), acknowledged)

    def as_message(self, threads: Mapping[str, str]) -> SentMessage:
        """`threads` maps tickets to their threads, which only the database knows; both are part of an inbox key."""
        thread = threads.get(self.ticket_id, "")
        key = f"write:{thread}:{self.key}" if self.ticket_id else f"submit:{self.key}"
        return SentMessage(Channel.WEB_FORM, key, bytes.fromhex(self.sha256), self.acknowledged, thread)


class SentLog:
    """Appends to one file, a line at a time: what was written before a crash is there."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, line: SentLine) -> None:
        self._stream.write(json.dumps(asdict(line)) + "\n")
        self._stream.flush()


def read_sent(files: Iterable[Path]) -> list[SentLine]:
    lines = (line for file in files for line in file.read_text(encoding="utf-8").splitlines())
    return [SentLine(**json.loads(line)) for line in lines]
