"""The mailbox of the offline mode: a folder that `fte say --channel email` puts mail into, read as Gmail is.

One file a mail, named by its number, which is its history id. What goes out is not here: without credentials it is
recorded in the outbox.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from channels.gmail.mailbox import INBOX, FoundMail, HistoryPage, Profile, Watch

LOCAL_ADDRESS = "support@fte.invalid"
"""Whose mailbox it is where none is configured."""
LOCAL_AUTHSERV = "local.fte.invalid"
"""Who vouches for the senders of its mails: `fte say`, for whoever may write into the folder."""
_FILE = re.compile(r"^(\d{12})\.eml$")
_PAGE = 100


def address_of(configured: str) -> str:
    """The mailbox that customers write to: the configured one, or where none is the local one."""
    return configured or LOCAL_ADDRESS


class LocalMailbox:
    """Implements mailbox.Mailbox over a folder."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._address = address

    async def fetch_profile(self) -> Profile:
        return Profile(self._address, max(await self._numbers(), default=0))

    async def history(self, cursor: int) -> AsyncIterator[HistoryPage]:
        numbers = [each for each in await self._numbers() if each > cursor]
        newest = max(numbers, default=cursor)
        for start in range(0, len(numbers), _PAGE):
            page = numbers[start : start + _PAGE]
            yield HistoryPage(tuple(map(str, page)), page[-1], newest)

    async def list_since(self, since: datetime) -> AsyncIterator[tuple[str, ...]]:
        yield tuple(str(each) for each in reversed(await self._numbers()))

    async def fetch_mail(self, mail_id: str) -> FoundMail | None:
        return await asyncio.to_thread(self._read, int(mail_id))

    async def watch(self) -> Watch | None:
        return None

    async def close(self) -> None:
        return None

    async def _numbers(self) -> list[int]:
        return await asyncio.to_thread(_numbers_in, self._folder)

    def _read(self, number: int) -> FoundMail | None:
        file = _file_of(self._folder, number)
        try:
            raw = file.read_bytes()
            received_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        except FileNotFoundError:
            return None
        # Every mail is a thread of its own: what belongs together is found by what it refers to.
        return FoundMail(str(number), "", frozenset({INBOX}), received_at, raw)


def put_mail(folder: Path, raw: bytes) -> int:
    """Put a mail into the folder; its number. Any number of writers may do so at once."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{os.getpid()}.{os.urandom(6).hex()}"
    draft.write_bytes(raw)
    try:
        number = max(_numbers_in(folder), default=0)
        while True:
            number += 1
            try:
                # Whole at once, and never over another: a reader sees all of it or nothing.
                os.link(draft, _file_of(folder, number))
            except FileExistsError:
                continue
            return number
    finally:
        draft.unlink()


def _numbers_in(folder: Path) -> list[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(int(match[1]) for match in map(_FILE.match, names) if match)


def _file_of(folder: Path, number: int) -> Path:
    return folder / f"{number:012d}.eml"
