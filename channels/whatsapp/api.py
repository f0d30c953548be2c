"""Twilio's REST API through its own client, over an HTTP client that tells what certainly did not arrive.

Twilio's client blocks or hides the difference between a connection that never came about and an answer that never
came; a send may be repeated after the one and not after the other.
"""

from __future__ import annotations

import email.utils
import logging
import math
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from agent.errors import ProviderAway, ProviderBusy, SendAmbiguous
from agent.records import MediaReference

API_URL = "https://api.twilio.com"
_TIMEOUT = httpx.Timeout(8.0, connect=4.0, pool=2.0)
_RETRY_AFTER_MAX_S = 600.0
_PAGE = 100
_LOG = logging.getLogger(__name__)

REFUSALS = (TwilioRestException, TwilioServiceException)
"""What Twilio's client raises when Twilio refuses: it certainly did nothing."""


class Refusal(Protocol):
    """What REFUSALS have in common: the HTTP status, and Twilio's own code or the status again."""

    status: int
    code: int | None


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """The account that sends, and the number that it sends from (E.164). `api_url` is another server's in tests."""

    sid: str
    token: SecretStr
    number: str
    api_url: str = API_URL


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message as Twilio lists it. `created_at` has whole seconds. `sent_from` and `sent_to` are addresses."""

    sid: str
    inbound: bool
    sent_from: str
    sent_to: str
    body: str
    status: str
    error_code: int | None
    media_count: int
    created_at: datetime


class TwilioApi:
    """One per process and event loop. Every method raises ProviderAway when nothing was done, and those that do not
    list raise one of REFUSALS when Twilio refused."""

    def __init__(self, account: TwilioAccount, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.account = account
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT, follow_redirects=False, trust_env=False, transport=transport,
            limits=httpx.Limits(max_connections=32),
        )  # fmt: skip
        self._client = Client(
            account.sid,
            account.token.get_secret_value(),
            http_client=_Requests(self._http, account.api_url),
            environment={"TWILIO_REGION": ""},  # not the process's
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def send(
        self, *, to: str, sent_from: str, callback: str, body: str = "", template: str = "", variables: str = ""
    ) -> str:
        """Send a text, or an approved template with its variables (JSON); returns Twilio's id.

        Raises SendAmbiguous when the request went out and no answer came: it may have been accepted.
        """
        content: dict[str, Any] = (
            {"content_sid": template, "content_variables": variables} if template else {"body": body}
        )
        sent = await self._client.messages.create_async(to=to, from_=sent_from, status_callback=callback, **content)
        if not sent.sid:
            raise SendAmbiguous("Twilio took a request and named no message")
        return str(sent.sid)

    async def list_messages(
        self, *, to: str | None = None, sent_from: str | None = None, since: datetime | None = None
    ) -> AsyncIterator[ListedMessage]:
        """The newest first, as Twilio lists them. `since` leaves out what has not been sent yet as well."""
        given: dict[str, Any] = {"to": to, "from_": sent_from, "date_sent_after": since}
        filters = {name: value for name, value in given.items() if value is not None}
        try:
            async for each in await self._client.messages.stream_async(**filters, page_size=_PAGE):
                yield _to_listed(each)
        except TwilioException as error:
            raise ProviderAway("Twilio refuses to list messages") from error

    async def list_media(self, message_sid: str) -> tuple[MediaReference, ...]:
        """The files of a message."""
        try:
            found = await self._client.messages(message_sid).media.list_async(limit=10)
        except TwilioException as error:
            raise ProviderAway("Twilio refuses to list a message's files") from error
        base = f"{self.account.api_url}/2010-04-01/Accounts/{self.account.sid}/Messages/{message_sid}/Media"
        return tuple(MediaReference(f"{base}/{each.sid}", each.content_type or "") for each in found)

    async def fetch_account_status(self) -> str:
        """`active`, `suspended` or `closed`."""
        found = await self._client.api.v2010.accounts(self.account.sid).fetch_async()
        return str(found.status)

    async def fetch_whatsapp_senders(self) -> dict[str, str]:
        """The account's WhatsApp senders: address to status."""
        found = await self._client.messaging.v2.channels_senders.list_async(channel="whatsapp", limit=200)
        return {str(each.sender_id): str(each.status) for each in found}

    async def fetch_template_approval(self, template: str) -> str:
        """What WhatsApp said of a template, as `approved`."""
        found = await self._client.content.v1.contents(template).approval_fetch().fetch_async()
        return str((found.whatsapp or {}).get("status", "unsubmitted"))


class _Requests(AsyncHttpClient):  # type: ignore[misc]  # Twilio's client has no types
    """What Twilio's client sends its requests with. Logs no address and no parameter: they name customers."""

    def __init__(self, http: httpx.AsyncClient, api_url: str) -> None:
        super().__init__(_LOG, True)
        self._http = http
        self._api_url = api_url.rstrip("/")

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # Twilio's signature
        allow_redirects: bool = False,
    ) -> Response:
        sends = method.upper() == "POST"
        try:
            answer = await self._http.request(
                method,
                self._at_our_server(uri),
                params=params,  # type: ignore[arg-type]  # Twilio's client gives strings and numbers
                data=data,
                headers=headers,
                auth=auth,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ProviderAway("Twilio does not answer") from error
        except httpx.TransportError as error:
            raise _uncertain(sends, "Twilio did not answer a request that had gone out") from error
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise ProviderBusy("Twilio takes no more requests now", retry_after_s(answer.headers.get("retry-after")))
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            # It does not say whether it had accepted the message before it failed.
            raise _uncertain(sends, f"Twilio answered {answer.status_code}")
        if answer.is_success and not _is_of_the_api(answer):
            # A page for people: of a proxy between us, or of Twilio on a bad day.
            raise _uncertain(sends, f"Twilio answered {answer.status_code} with what nobody understands")
        return Response(answer.status_code, answer.text, answer.headers)

    def _at_our_server(self, uri: str) -> str:
        """Every API of Twilio's at the one server that is configured in its place."""
        if self._api_url == API_URL:
            return uri
        parts = urlsplit(uri)
        return f"{self._api_url}{parts.path}{f'?{parts.query}' if parts.query else ''}"


def _is_of_the_api(answer: httpx.Response) -> bool:
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def retry_after_s(header: str | None) -> float:
    """RFC 9110, 10.2.3: seconds or a date; with a little more, so that not everybody comes back at once."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (email.utils.parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    if math.isnan(seconds):
        return 0.0
    return min(max(seconds, 0.0), _RETRY_AFTER_MAX_S) * random.uniform(1.0, 1.2)  # noqa: S311  # jitter


def code_of(error: Refusal) -> int | None:
    """Twilio's error code; None where its answer had none."""
    return int(error.code) if error.code and error.code > 999 else None


def _uncertain(sends: bool, what: str) -> SendAmbiguous | ProviderAway:
    return SendAmbiguous(what) if sends else ProviderAway(what)


def _to_listed(message: Any) -> ListedMessage:
    created_at = message.date_created or datetime.now(UTC)
    return ListedMessage(
        sid=message.sid,
        inbound=str(message.direction).startswith("inbound"),
        sent_from=message.from_ or "",
        sent_to=message.to or "",
        body=message.body or "",
        status=str(message.status or ""),
        error_code=int(message.error_code) if message.error_code else None,
        media_count=int(message.num_media or 0),
        created_at=created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC),
    )
