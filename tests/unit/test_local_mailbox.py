"""The mailbox of the offline mode is read as Gmail's is."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from channels.gmail.local import LocalMailbox, put_mail


async def pages(mailbox: LocalMailbox, cursor: int) -> list[str]:
    return [mail_id async for page in mailbox.history(cursor) for mail_id in page.mail_ids]


async def test_what_came_after_the_cursor_is_told_in_order(tmp_path: Path) -> None:
    mailbox = LocalMailbox(tmp_path / "mail", "support@fte.invalid")
    assert (await mailbox.fetch_profile()).history_id == 0
    assert await pages(mailbox, 0) == []
    numbers = [put_mail(tmp_path / "mail", f"mail {n}".encode()) for n in range(250)]
    assert numbers == list(range(1, 251))
    assert await pages(mailbox, 100) == [str(number) for number in range(101, 251)]
    assert (await mailbox.fetch_profile()).history_id == 250
    listed = [each async for page in mailbox.list_since(datetime.now(UTC)) for each in page]
    assert listed[0] == "250"
    found = await mailbox.fetch_mail("7")
    assert found is not None
    assert (found.raw, found.thread_id) == (b"mail 6", "")
    assert await mailbox.fetch_mail("251") is None


def test_writers_at_once_overwrite_nothing(tmp_path: Path) -> None:
    threads = [threading.Thread(target=lambda n=n: put_mail(tmp_path, str(n).encode())) for n in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    files = sorted(tmp_path.glob("*.eml"))
    assert {file.read_bytes() for file in files} == {str(n).encode() for n in range(20)}
    assert [int(file.stem) for file in files] == list(range(1, 21))
