"""Gmail by Google's own client library, in bounded threads, within the mailbox's quota."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from googleapiclient.discovery import build

from agent.errors import NotFound
from channels.gmail.mailbox import SENT, FoundMail, HistoryGone, HistoryPage, Profile, Watch
from channels.gmail.problems import to_error
from channels.gmail.quota import UNITS, QuotaBucket
from channels.gmail.transport import SignedHttp, Tokens

_ME = "me"
_PAGE = 500
_SEND_PATIENCE_S = 3.0
"""Less than a send may take: who waits longer for quota has certainly not sent and can say so."""
_LATEST_SENT = 20


@dataclass(frozen=True, slots=True)
class GmailAccount:
    """Which mailbox, and how it is reached. `api_url` stands in for Google's servers, `topic` is empty for none."""

    credentials_path: Path
    mailbox: str
    topic: str = ""
    api_url: str = ""
    units_per_minute: float = 6000.0
    timeout_s: float = 8.0


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that lies in the mailbox as sent. `headers` have lower-case names."""

    mail_id: str
    thread_id: str
    headers: dict[str, str]


class GmailClient:
    """Implements mailbox.Mailbox, and what sending needs. Every method raises ProviderAway, with its kinds."""

    def __init__(self, account: GmailAccount, threads: int = 4) -> None:
        self._account = account
        self._tokens = Tokens(account.credentials_path, account.mailbox, account.api_url)
        self._quota = QuotaBucket(account.units_per_minute)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gmail")
        self._of_thread = threading.local()
        self._opened: list[SignedHttp] = []
        self._building = threading.Lock()
        self._service: Any = None

    @property
    def credentials_changed(self) -> bool:
        """Whether the file holds other credentials than were used last."""
        return self._tokens.file_changed

    async def fetch_profile(self) -> Profile:
        answer = await self._call("getProfile", lambda users: users.getProfile(userId=_ME))
        return Profile(address=answer["emailAddress"].lower(), history_id=int(answer["historyId"]))

    async def history(self, cursor: int) -> AsyncIterator[HistoryPage]:
        """Implements Mailbox.history: mails that were added, and those that left spam for the inbox."""
        token: str | None = None
        while True:
            answer = await self._history_page(cursor, token)
            records = answer.get("history", [])
            yield HistoryPage(
                mail_ids=tuple(dict.fromkeys(each for record in records for each in _mails_of(record))),
                up_to=max((int(record["id"]) for record in records), default=None),
                history_id=int(answer["historyId"]),
            )
            token = answer.get("nextPageToken")
            if not token:
                return

    async def list_since(self, since: datetime) -> AsyncIterator[tuple[str, ...]]:
        token: str | None = None
        while True:
            answer = await self._list_page(f"after:{int(since.timestamp())}", token)
            yield tuple(each["id"] for each in answer.get("messages", []))
            token = answer.get("nextPageToken")
            if not token:
                return

    async def fetch_mail(self, mail_id: str) -> FoundMail | None:
        try:
            answer = await self._call(
                "messages.get", lambda users: users.messages().get(userId=_ME, id=mail_id, format="raw")
            )
        except NotFound:
            return None
        return FoundMail(
            mail_id=answer["id"],
            thread_id=answer.get("threadId", ""),
            labels=frozenset(answer.get("labelIds", ())),
            received_at=datetime.fromtimestamp(int(answer.get("internalDate", 0)) / 1000, UTC),
            raw=_decoded(answer.get("raw", "")),
        )

    async def watch(self) -> Watch | None:
        if not self._account.topic:
            return None
        answer = await self._call(
            "watch", lambda users: users.watch(userId=_ME, body={"topicName": self._account.topic})
        )
        return Watch(
            history_id=int(answer["historyId"]),
            expires_at=datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC),
        )

    async def create_draft(self, raw: bytes, thread_id: str) -> str:
        """The id of a new draft, in the thread where one is named. Raises NotFound for an unknown thread, SendRejected.

        A draft that was made but not told of harms nobody: it is not sent.
        """
        message = {"raw": base64.urlsafe_b64encode(raw).decode("ascii")} | (
            {"threadId": thread_id} if thread_id else {}
        )
        answer = await self._call(
            "drafts.create",
            lambda users: users.drafts().create(userId=_ME, body={"message": message}),
            patience_s=_SEND_PATIENCE_S,
        )
        return str(answer["id"])

    async def send_draft(self, draft_id: str) -> tuple[str, str]:
        """Send it; the ids of the mail and its thread. A draft is gone once it is sent, so it is never sent twice.

        Raises SendAmbiguous, SendRejected, and NotFound for a draft that is gone.
        """
        answer = await self._call(
            "drafts.send",
            lambda users: users.drafts().send(userId=_ME, body={"id": draft_id}),
            patience_s=_SEND_PATIENCE_S,
            sending=True,
        )
        return str(answer["id"]), str(answer.get("threadId", ""))

    async def draft_exists(self, draft_id: str) -> bool:
        try:
            await self._call("drafts.get", lambda users: users.drafts().get(userId=_ME, id=draft_id, format="minimal"))
        except NotFound:
            return False
        return True

    async def delete_draft(self, draft_id: str) -> None:
        """Raises NotFound."""
        await self._call("drafts.delete", lambda users: users.drafts().delete(userId=_ME, id=draft_id))

    async def find_draft(self, message_id: str) -> str | None:
        """The draft of a mail with this Message-ID, which an earlier attempt may have left."""
        answer = await self._call(
            "drafts.list", lambda users: users.drafts().list(userId=_ME, q=_by_message_id(message_id))
        )
        drafts = answer.get("drafts", [])
        return str(drafts[0]["id"]) if drafts else None

    async def find_sent(self, message_id: str, header: str, value: str, recipient: str) -> SentMail | None:
        """What was sent under a Message-ID; where Gmail gave it another one, what carries our header."""
        for query in (_by_message_id(message_id), f"in:sent newer_than:2d to:{recipient}"):
            for mail_id in await self._find(query):
                mail = await self.fetch_sent(mail_id, header)
                if mail is not None and mail.headers.get(header.lower()) == value:
                    return mail
        return None

    async def fetch_sent(self, mail_id: str, header: str) -> SentMail | None:
        """Message-ID and one more header of a mail; None when it is gone or was not sent."""
        try:
            answer = await self._call(
                "messages.get",
                lambda users: users.messages().get(
                    userId=_ME, id=mail_id, format="metadata", metadataHeaders=["Message-ID", header]
                ),
            )
        except NotFound:
            return None
        if SENT not in answer.get("labelIds", ()):
            return None
        headers = answer.get("payload", {}).get("headers", [])
        return SentMail(
            mail_id=answer["id"],
            thread_id=answer.get("threadId", ""),
            headers={each["name"].lower(): each["value"].strip() for each in headers},
        )

    async def close(self) -> None:
        """Let the requests that run end, which they do within their time limit, and start no other."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        for each in self._opened:
            each.close()

    async def _find(self, query: str) -> list[str]:
        answer = await self._call(
            "messages.list",
            lambda users: users.messages().list(userId=_ME, q=query, includeSpamTrash=True, maxResults=_LATEST_SENT),
        )
        return [each["id"] for each in answer.get("messages", [])]

    async def _list_page(self, query: str, token: str | None) -> dict[str, Any]:
        return await self._call(
            "messages.list",
            lambda users: users.messages().list(userId=_ME, q=query, maxResults=_PAGE, pageToken=token),
        )

    async def _history_page(self, cursor: int, token: str | None) -> dict[str, Any]:
        try:
            return await self._call(
                "history.list",
                lambda users: users.history().list(
                    userId=_ME,
                    startHistoryId=str(cursor),
                    historyTypes=["messageAdded", "labelAdded"],
                    maxResults=_PAGE,
                    pageToken=token,
                ),
            )
        except NotFound as error:
            raise HistoryGone("the mailbox's history does not go back to the cursor") from error

    async def _call(
        self, method: str, make: Callable[[Any], Any], patience_s: float | None = None, *, sending: bool = False
    ) -> dict[str, Any]:
        await self._quota.take(UNITS[method], patience_s)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._execute, make, sending)

    def _execute(self, make: Callable[[Any], Any], sending: bool) -> dict[str, Any]:
        """In a thread of the pool."""
        try:
            answer: dict[str, Any] = make(self._users()).execute(http=self._http(), num_retries=0)
        except Exception as error:
            raise to_error(error, sending=sending) from error
        return answer

    def _users(self) -> Any:
        with self._building:
            if self._service is None:
                endpoint = {"api_endpoint": f"{self._account.api_url.rstrip('/')}/"} if self._account.api_url else None
                self._service = build(
                    "gmail",
                    "v1",
                    http=self._http(),
                    client_options=endpoint,
                    cache_discovery=False,
                    static_discovery=True,
                )
        return self._service.users()

    def _http(self) -> SignedHttp:
        """This thread's own."""
        http: SignedHttp | None = getattr(self._of_thread, "http", None)
        if http is None:
            http = SignedHttp(self._tokens, self._account.timeout_s, through_proxy=not self._account.api_url)
            self._of_thread.http = http
            self._opened.append(http)
        return http


def _mails_of(record: dict[str, Any]) -> list[str]:
    """The ids that a history record tells of. A mail that gets the label INBOX may have left spam."""
    added = [each["message"]["id"] for each in record.get("messagesAdded", ())]
    freed = [each["message"]["id"] for each in record.get("labelsAdded", ()) if "INBOX" in each.get("labelIds", ())]
    return added + freed


def _by_message_id(message_id: str) -> str:
    return f"rfc822msgid:{message_id.strip('<>')}"


def _decoded(raw: str) -> bytes:
    """Gmail's base64url comes with padding or without."""
    return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
