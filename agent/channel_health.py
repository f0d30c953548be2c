"""How a channel stands and what must work for it: the words that every channel and the command `fte channels` share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agent.errors import FteError
from agent.records import Channel


class ChannelMode(StrEnum):
    LIVE = "live"
    """Credentials are set and accepted: messages go to the provider."""
    OFFLINE = "offline"
    """No credentials: what goes out is recorded, and nothing is called."""
    NEEDS_REAUTH = "needs_reauth"
    """The provider no longer takes the credentials; a person must sign in again."""


class AlarmKind(StrEnum):
    """What an operator must see to in a channel. Each has its row in docs/howto/operate.md."""

    NEEDS_REAUTH = "needs_reauth"
    """The provider refuses the credentials; nothing comes or goes until somebody signs in."""
    WATCH_REFUSED = "watch_refused"
    """The provider was asked to tell of new mail and would not; the safety poll still finds it."""
    WATCH_NOT_RENEWED = "watch_not_renewed"
    """The provider stops telling of new mail soon, or has stopped: what renews that each day did not."""
    PUSHES_MISSING = "pushes_missing"
    """The safety poll found mail, again and again, of which no push told."""
    SENDS_NOT_FOUND = "sends_not_found"
    """Of sends without an answer, search after search at the provider finds nothing."""


WHAT_TO_DO: Mapping[AlarmKind, str] = {
    AlarmKind.NEEDS_REAUTH: "Put new credentials into the file; they are found within seconds.",
    AlarmKind.WATCH_REFUSED: "Let Gmail publish to the topic, then run `fte channels check email`.",
    AlarmKind.WATCH_NOT_RENEWED: "Look whether the Courier reads the mailbox, then run `fte channels check email`.",
    AlarmKind.PUSHES_MISSING: "Look at the push subscription and its address, then run `fte channels check email`.",
    AlarmKind.SENDS_NOT_FOUND: "Look at the provider's status page and list of messages: a reply may arrive twice.",
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """`since` is when it began, None where nobody knows; `detail` a sentence without personal data."""

    channel: Channel
    kind: AlarmKind
    detail: str
    since: datetime | None = None

    @property
    def sentence(self) -> str:
        """For a list of problems."""
        return f"{self.channel.value}: {self.detail}"


@dataclass(frozen=True, slots=True)
class ChannelState:
    """One channel as the database and the settings show it.

    `credentials` maps the name of each setting that the channel needs to whether it is set; values are never kept
    here. `watch_expires_at` is when a provider stops to notify (Gmail), `open_windows` how many customers may be
    written to freely now (WhatsApp); both None where a channel has no such thing. `last_error` is the latest failed
    send or sync in a sentence without personal data, empty when the latest went well. `alarms` are what an operator
    must see to now.
    """

    channel: Channel
    mode: ChannelMode
    credentials: Mapping[str, bool] = field(default_factory=dict)
    watch_expires_at: datetime | None = None
    last_inbound_at: datetime | None = None
    last_outbound_at: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    open_windows: int | None = None
    alarms: Sequence[Alarm] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. `detail` is a sentence of what was seen, `what_to_do` of what helps; no secret in either."""

    ok: bool
    detail: str
    what_to_do: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One step of setting a channel up that can be looked at. When one that `blocks` fails, those after it are
    skipped: they could only fail for the same reason."""

    name: str
    run: Callable[[], Awaitable[CheckResult]]
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    """A check with what it found; `result` is None where it was skipped."""

    name: str
    result: CheckResult | None


async def run_checks(checks: Sequence[Check], timeout_s: float = 15.0) -> AsyncIterator[CheckReport]:
    """Run checks one after another, each as it is asked for. Whatever a check raises is a failure that says so.

    Only errors of this project are quoted: what a library raises may hold a credential or a customer's address.
    """
    blocked = False
    for check in checks:
        if blocked:
            yield CheckReport(check.name, None)
            continue
        result = await _run(check, timeout_s)
        blocked = check.blocks and not result.ok
        yield CheckReport(check.name, result)


async def _run(check: Check, timeout_s: float) -> CheckResult:
    try:
        return await asyncio.wait_for(check.run(), timeout_s)
    except TimeoutError:
        return CheckResult(False, f"no answer within {timeout_s:g} s", "Check the network, then run it again.")
    except FteError as error:
        return CheckResult(False, str(error), "Correct that, then run it again.")
    except Exception as error:
        return CheckResult(False, f"the check itself broke ({type(error).__name__})", "Look at the logs.")
