"""The courier's loop: what the outbox holds leaves through its channel, in order, and never twice by chance."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from agent.errors import DatabaseAway, LeaseLost, ProviderAway, SendAmbiguous, SendRejected
from agent.log_fields import LogFields, log_extra, log_fields
from agent.ports import Sender
from agent.records import Channel, OutboxItem
from agent.times import Times
from agent.workers.waking_loop import StopListening, WakingLoop

_LOG = logging.getLogger(__name__)


class OutboxStore(Protocol):
    """The outbox as the courier sees it. Every method raises DatabaseAway."""

    async def claim(self, limit: int) -> list[OutboxItem]: ...

    async def record_sent(self, sent: Sequence[tuple[OutboxItem, str]]) -> int: ...

    async def record_retry(self, item: OutboxItem, error: str) -> None: ...

    async def record_unknown(self, item: OutboxItem, error: str) -> None: ...

    async def record_not_found(self, item: OutboxItem) -> None: ...

    async def record_failed(self, item: OutboxItem, error: str) -> None: ...

    async def seconds_until_due(self) -> float | None: ...


Listen = Callable[[Callable[[], None], Callable[[], None]], Awaitable[StopListening]]
"""listen(on_notify, on_lost) hears of new outbox rows; returns how to stop. Raises DatabaseAway."""


class DeliveryLoop(WakingLoop):
    """Claims up to `batch` rows, sends them side by side, records each end, and claims again."""

    def __init__(
        self,
        outbox: OutboxStore,
        senders: Mapping[Channel, Sender],
        listen: Listen,
        on_delivered: Callable[[], None],
        times: Times,
        batch: int = 32,
    ) -> None:
        super().__init__(
            times,
            beat_limit_s=(
                times.poll_s + times.send_timeout_s + 4 * times.statement_timeout_s + times.acquire_connection_s
            ),
            longest_outage_pause_s=times.backoff_first_s,
        )
        self._outbox = outbox
        self._senders = senders
        self._listen_to_outbox = listen
        self._on_delivered = on_delivered
        self._batch = batch

    async def _listen(self) -> StopListening:
        return await self._listen_to_outbox(self.wake, self._stop_hearing)

    async def _round(self) -> float:
        """Deliver one batch; returns how long there is nothing to do."""
        items = await self._outbox.claim(self._batch)
        if not items:
            return self._at_most_poll_s(await self._outbox.seconds_until_due())
        ends = await asyncio.gather(*(self._deliver(item) for item in items), return_exceptions=True)
        sent = [(item, end) for item, end in zip(items, ends, strict=True) if isinstance(end, str)]
        if sent:
            await self._outbox.record_sent(sent)
            self._on_delivered()
            for item, _ in sent:
                _LOG.info("a reply was delivered", extra=log_extra(**_fields_of(item)))
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        # A conversation's next row becomes claimable only now.
        return 0.0

    async def _deliver(self, item: OutboxItem) -> str | None:
        """The provider's id when it certainly arrived; otherwise what happened is recorded here."""
        with log_fields(**_fields_of(item)):
            return await self._deliver_one(item)

    async def _deliver_one(self, item: OutboxItem) -> str | None:
        sender = self._senders[item.channel]
        try:
            async with asyncio.timeout(self._times.send_timeout_s):
                if not item.was_unknown:
                    return await sender.send(item)
                provider_id = await sender.find_sent(item)
            if provider_id is None:
                _LOG.info("the provider does not know this send")
                await self._outbox.record_not_found(item)
            return provider_id
        except ProviderAway as error:
            # A look-up that failed says nothing about the send: its row stays unknown and is looked up again.
            _LOG.warning("the provider does not answer")
            if not item.was_unknown:
                await self._outbox.record_retry(item, str(error))
        except SendRejected as error:
            _LOG.warning("the provider refused a reply; a person must see to it")
            await self._outbox.record_failed(item, str(error))
        except LeaseLost:
            _LOG.warning("another courier has this reply; it is left to it")
        except (SendAmbiguous, TimeoutError) as error:
            _LOG.warning("it is unknown whether a reply arrived; the provider will be asked")
            await self._outbox.record_unknown(item, str(error) or "no answer in time")
        except DatabaseAway:
            raise
        except Exception as error:
            # Whatever a sender raises that it does not promise: the message may have left.
            _LOG.exception("sending failed in an unforeseen way")
            await self._outbox.record_unknown(item, type(error).__name__)
        return None


def _fields_of(item: OutboxItem) -> LogFields:
    return {
        "conversation_id": item.conversation_id,
        "ticket_id": item.ticket_id,
        "outbox_id": item.outbox_id,
        "channel": item.channel,
        "attempts": item.attempts,
    }
