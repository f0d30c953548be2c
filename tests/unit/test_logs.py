"""Log records: one line of JSON with the fields of its task, and no word of what a customer wrote."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import Any
from uuid import uuid4

import pytest

from agent.errors import BadInput, DatabaseAway, SendRejected
from agent.log_fields import add_log_fields, current_log_fields, leave_log_fields, log_extra, log_fields
from agent.records import ConversationId, CustomerId, MessageId
from deployments.logs import configure_logging, describe_exception
from tests.log_capture import restored_logging

SECRET = "my card number is 4711"
CONVERSATION = ConversationId(uuid4())


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process with its logging set up writes."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with restored_logging():
        configure_logging("DEBUG", "json", {"deployment": "Agent", "replica": "a1"})
        yield stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail_with(words: str) -> None:
    try:
        raise KeyError(words)
    except KeyError as error:
        raise ValueError(f"cannot read {words}") from error


def test_a_record_says_where_it_comes_from_and_what_it_is_about(stderr: io.StringIO) -> None:
    message = MessageId(uuid4())
    with log_fields(conversation_id=CONVERSATION, fence=3):
        logging.getLogger("agent.test").info("a turn %s", "ended", extra=log_extra(message_ids=[message], ms=4.25))
    [record] = records(stderr)
    assert record.pop("asctime").endswith("+00:00")
    assert isinstance(record.pop("process"), int)
    assert record == {
        "levelname": "INFO",
        "logger": "agent.test",
        "message": "a turn ended",
        "deployment": "Agent",
        "replica": "a1",
        "conversation_id": str(CONVERSATION),
        "fence": 3,
        "message_ids": [str(message)],
        "ms": 4.25,
    }


def test_an_exception_is_told_without_the_words_that_are_not_ours(stderr: io.StringIO) -> None:
    for name in ("agent.test", "ray.serve", "uvicorn.error"):
        try:
            fail_with(SECRET)
        except ValueError:
            logging.getLogger(name).exception("it failed")
    for record in records(stderr):
        assert "KeyError\nwhich led to:" in record["exc_text"]
        assert record["exc_text"].endswith("ValueError")
        assert "in fail_with" in record["exc_text"], "the place is what leads to the fault"
    assert SECRET not in stderr.getvalue()


def test_our_own_words_are_told_unless_they_may_quote_somebody() -> None:
    assert describe_exception(DatabaseAway("the database does not answer")) == (
        "DatabaseAway: the database does not answer"
    )
    for error in (BadInput("email", SECRET), SendRejected(SECRET), ExceptionGroup(SECRET, [ValueError(SECRET)])):
        assert SECRET not in describe_exception(error)
    assert "1 of 1 in it:\nValueError" in describe_exception(ExceptionGroup(SECRET, [ValueError(SECRET)]))


async def test_a_lost_task_is_reported_without_its_exceptions_words(stderr: io.StringIO) -> None:
    task = asyncio.create_task(asyncio.to_thread(fail_with, SECRET))
    await asyncio.wait([task])
    del task
    [record] = records(stderr)
    assert record["message"] == "Task exception was never retrieved"
    assert "ValueError" in record["exc_text"]
    assert SECRET not in stderr.getvalue()


def test_a_thread_that_ends_with_an_exception_is_in_the_log(stderr: io.StringIO) -> None:
    thread = threading.Thread(target=fail_with, args=(SECRET,))
    thread.start()
    thread.join()
    [record] = records(stderr)
    assert record["message"] == "a thread ended with an exception"
    assert SECRET not in stderr.getvalue()


def test_addresses_and_tokens_that_get_into_a_line_are_blotted_out(stderr: io.StringIO) -> None:
    log = logging.getLogger("somebody.else")
    log.warning("to ada.lovelace+x@mail.example.com (or +1 555 010-0199) with token=abc.def and Bearer xyz")
    [record] = records(stderr)
    assert record["message"] == "to [removed] (or [removed]) with token=[removed] and Bearer [removed]"


def test_an_access_log_names_neither_the_caller_nor_the_path(stderr: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").warning(
        '%s - "%s %s HTTP/%s" %d', "203.0.113.9:4000", "GET", "/support/ticket/TF-1?token=abc", "1.1", 200
    )
    [record] = records(stderr)
    assert record["message"] == '- - "GET - HTTP/1.1" 200'


def test_warnings_are_records_too(stderr: io.StringIO) -> None:
    with warnings.catch_warnings(), redirect_stderr(stderr):
        warnings.simplefilter("always")
        configure_logging("INFO", "json")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    [record] = records(stderr)
    assert (record["logger"], record["levelname"]) == ("py.warnings", "WARNING")


def test_libraries_do_not_talk_more_when_we_debug(stderr: io.StringIO) -> None:
    for name in ("crm.test", "asyncpg", "httpx", "openai"):
        logging.getLogger(name).debug("details of %s", SECRET)
    logging.getLogger("asyncpg").info("more of them")
    assert [record["logger"] for record in records(stderr)] == ["crm.test"]


def test_text_says_the_same_for_eyes(stderr: io.StringIO) -> None:
    with redirect_stderr(stderr):
        configure_logging("INFO", "text")
    try:
        fail_with(SECRET)
    except ValueError:
        logging.getLogger("agent.test").exception("it failed", extra=log_extra(conversation_id=CONVERSATION, ms=2.0))
    first, *rest = stderr.getvalue().splitlines()
    assert first.endswith(f"-- it failed conversation_id={CONVERSATION} ms=2.0")
    assert rest[-1] == "ValueError"
    assert SECRET not in stderr.getvalue()


async def test_what_becomes_known_in_a_task_is_known_to_whoever_began_it() -> None:
    async def gather() -> None:
        add_log_fields(conversation_id=CONVERSATION)

    async def outlive() -> dict[str, object]:
        leave_log_fields()
        add_log_fields(fence=9)
        return dict(current_log_fields())

    customer = CustomerId(uuid4())
    with log_fields(customer_id=customer):
        await asyncio.create_task(gather())
        assert current_log_fields() == {"customer_id": customer, "conversation_id": CONVERSATION}
        assert await asyncio.create_task(outlive()) == {}
        with log_fields(fence=1):
            pass
        assert "fence" not in current_log_fields()
    assert current_log_fields() == {}
