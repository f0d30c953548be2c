"""What a log record says beside its words: which request, customer, conversation, messages and ticket it is about.

The fields travel with the task that handles a message, and everything that it logs carries them. They are identifiers,
figures and closed sets of words, never a customer's name, address or text: whoever reads the logs need not be allowed
to read what customers write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypedDict, Unpack

from agent.records import ConversationId, CustomerId, MergeId, MessageId, OutboxId, TicketId

RECORD_ATTRIBUTE = "fte_fields"
"""Under which a log record holds the fields of its own line."""


class LogFields(TypedDict, total=False):
    """Every field that there is. `ms` is how long what the line tells took."""

    request_id: str
    customer_id: CustomerId
    conversation_id: ConversationId
    message_ids: Sequence[MessageId]
    ticket_id: TicketId
    outbox_id: OutboxId
    merge_id: MergeId
    channel: str
    fence: int
    route: str
    status: int
    outcome: str
    reason: str
    attempts: int
    count: int
    ms: float


_FIELDS: ContextVar[LogFields | None] = ContextVar("fte_log_fields", default=None)


@contextmanager
def log_fields(**fields: Unpack[LogFields]) -> Iterator[None]:
    """What is logged in the block, and in the tasks that begin in it, carries these fields and those around it."""
    token = _FIELDS.set({**(_FIELDS.get() or {}), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def add_log_fields(**fields: Unpack[LogFields]) -> None:
    """Add what has become known to the innermost block, for all of its tasks; without a block, nothing."""
    around = _FIELDS.get()
    if around is not None:
        around.update(fields)


def leave_log_fields() -> None:
    """For a task that outlives the request that began it: from here on it carries no fields."""
    _FIELDS.set(None)


def log_extra(**fields: Unpack[LogFields]) -> dict[str, LogFields]:
    """Fields of one line: `_LOG.info("...", extra=log_extra(ms=4.2))`."""
    return {RECORD_ATTRIBUTE: fields}


def current_log_fields() -> LogFields:
    return _FIELDS.get() or {}
