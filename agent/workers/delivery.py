"""The courier's loop: what the outbox holds leaves through its channel, in order, and never twice by chance."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from agent.errors import (
    DatabaseAway,
    LeaseLost,
    ProviderAway,
    ProviderBusy,
    RecipientOptedOut,
    SendAmbiguous,
    SendRejected,
)
from agent.log_fields import LogFields, log_extra, log_fields
from agent.ports import Sender, SplittingSender
from agent.records import Channel, OutboxId, OutboxItem, OutboxKind
from agent.times import Times
from agent.workers.waking_loop import StopListening, WakingLoop

_LOG = logging.getLogger(__name__)
_DELIVERED = {
    OutboxKind.MESSAGE: "a reply was delivered",
    OutboxKind.COPY: "a reply was also sent by mail",
    OutboxKind.CONFIRMATION: "an address was asked to confirm itself",
}


class OutboxStore(Protocol):
    """The outbox as the courier sees it. Every method raises DatabaseAway."""

    async def claim(self, limit: int) -> list[OutboxItem]: ...

    async def record_deferred(self, item: OutboxItem) -> None: ...

    async def remember_parts(self, item: OutboxItem, parts: Sequence[str]) -> OutboxItem: ...

    async def record_part_sent(self, item: OutboxItem, provider_id: str) -> None: ...

    async def record_sent(
        self, sent: Sequence[tuple[OutboxItem, str]], reported_on: Collection[OutboxId] = frozenset()
    ) -> int: ...

    async def record_retry(self, item: OutboxItem, error: str, pause_s: float = 0.0) -> None: ...

    async def record_opted_out(self, item: OutboxItem) -> None: ...

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
        on_change: Callable[[], None],
        times: Times,
        batch: int = 32,
    ) -> None:
        """`on_change` is called after each batch: some was delivered, or could not be, which a person must see."""
        super().__init__(
            times,
            beat_limit_s=(
                times.poll_s
                + times.send_wait_s
                + times.send_timeout_s
                + 5 * times.statement_timeout_s
                + times.acquire_connection_s
            ),
            longest_outage_pause_s=times.backoff_first_s,
        )
        self._outbox = outbox
        self._senders = senders
        self._listen_to_outbox = listen
        self._on_change = on_change
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
            await self._outbox.record_sent(sent, self._reported_on(sent))
            for item, _ in sent:
                _LOG.info(_DELIVERED[item.kind], extra=log_extra(**_fields_of(item)))
        self._on_change()
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        # A conversation's next row becomes claimable only now.
        return 0.0

    def _reported_on(self, sent: Sequence[tuple[OutboxItem, str]]) -> set[OutboxId]:
        return {item.outbox_id for item, _ in sent if isinstance(self._senders[item.channel], SplittingSender)}

    async def _deliver(self, item: OutboxItem) -> str | None:
        """The provider's id when all of it certainly arrived; otherwise what happened is recorded here."""
        with log_fields(**_fields_of(item)):
            return await self._deliver_one(item)

    async def _deliver_one(self, item: OutboxItem) -> str | None:
        sender = self._senders[item.channel]
        if item.wait_s > self._times.send_wait_s:
            await self._outbox.record_deferred(item)
            return None
        await asyncio.sleep(item.wait_s)
        try:
            if not (item.parts or item.was_unknown or item.reported_id) and isinstance(sender, SplittingSender):
                parts = sender.split(item)
                item = await self._outbox.remember_parts(item, parts) if len(parts) > 1 else item
            provider_id = item.reported_id or await self._ask(sender, item)
        except ProviderAway as error:
            # A look-up that failed says nothing about the send: its row stays unknown and is looked up again.
            _LOG.warning("the provider does not answer, or not now")
            if not item.was_unknown:
                pause_s = error.pause_s if isinstance(error, ProviderBusy) else 0.0
                await self._outbox.record_retry(item, str(error), pause_s)
        except RecipientOptedOut:
            _LOG.info("the recipient has opted out at the provider; the reply is not sent")
            await self._outbox.record_opted_out(item)
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
        else:
            if provider_id is None or item.part + 1 >= len(item.parts):
                return provider_id
            await self._outbox.record_part_sent(item, provider_id)
        return None

    async def _ask(self, sender: Sender, item: OutboxItem) -> str | None:
        """Send it, or look for it where an earlier send is uncertain."""
        async with asyncio.timeout(self._times.send_timeout_s):
            if not item.was_unknown:
                return await sender.send(item)
            provider_id = await sender.find_sent(item)
        if provider_id is None:
            _LOG.info("the provider does not know this send")
            await self._outbox.record_not_found(item)
        return provider_id


def _fields_of(item: OutboxItem) -> LogFields:
    return {
        "conversation_id": item.conversation_id,
        "ticket_id": item.ticket_id,
        "outbox_id": item.outbox_id,
        "channel": item.channel,
        "attempts": item.attempts,
    }
