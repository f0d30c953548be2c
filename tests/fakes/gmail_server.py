"""A Gmail that speaks HTTP on loopback, keeps mailboxes in memory, and misbehaves when told to.

It answers what the client asks by the discovery document, and notes every request that the document does not allow.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.fakes.gmail_discovery import find_violations, match_request


@dataclass(frozen=True)
class Fault:
    """`status` is answered in place of what was asked. `after`: what was asked is done all the same. `cut` ends the
    connection without an answer, `hang_s` waits before that."""

    status: int = 0
    reason: str = "backendError"
    after: bool = False
    cut: bool = False
    hang_s: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


TOO_MANY = Fault(429, "rateLimitExceeded", headers=(("Retry-After", "7"),))
QUOTA = Fault(403, "userRateLimitExceeded")
BROKEN = Fault(500)
BROKEN_AFTER = Fault(500, after=True)
CUT_AFTER = Fault(cut=True, after=True)
CUT_BEFORE = Fault(cut=True)
SILENT_AFTER = Fault(cut=True, after=True, hang_s=3.0)


@dataclass
class Mail:
    mail_id: str
    thread_id: str
    labels: set[str]
    raw: bytes
    internal_ms: int

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): str(value) for name, value in message_from_bytes(self.raw).items()}


@dataclass
class Refusal(Exception):
    status: int
    reason: str


@dataclass
class Call:
    method: str
    path: dict[str, str]
    query: dict[str, list[str]]
    body: Any


@dataclass
class FakeGmail:
    """One account. `forgotten_up_to` is the history id before which history is forgotten."""

    address: str = "support@example.com"
    page_size: int = 500
    rewrite_message_ids: bool = False
    watch_for_s: float = 7 * 24 * 3600.0
    token_error: str = ""
    certificates: dict[str, str] = field(default_factory=dict)
    certificates_for_s: int = 3600
    certificate_requests: int = 0
    forgotten_up_to: int = 0
    blind_searches: int = 0
    empty_first_page: bool = False
    url: str = ""
    mails: dict[str, Mail] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)
    history: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    history_id: int = 1000
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    token_requests: list[dict[str, list[str]]] = field(default_factory=list)
    on_call: Callable[[Call], None] | None = None
    _faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: int = 0x18C0000

    # What a test does.

    def deliver(self, raw: bytes, labels: tuple[str, ...] = ("INBOX", "UNREAD"), age_s: float = 0.0) -> str:
        """A mail arrives, or is written in Gmail's own page with the label SENT; its id. It did so `age_s` ago."""
        with self._lock:
            return self._add(raw, set(labels), self._thread_of(raw), age_s).mail_id

    def label(self, mail_id: str, label: str) -> None:
        """A person gives a mail a label."""
        with self._lock:
            self.mails[mail_id].labels.add(label)
            self._note({"labelsAdded": [{"message": self._brief(mail_id), "labelIds": [label]}]})

    def delete(self, mail_id: str) -> None:
        with self._lock:
            del self.mails[mail_id]

    def delete_draft(self, draft_id: str) -> None:
        with self._lock:
            del self.mails[self.drafts.pop(draft_id)]

    def forget_history(self) -> None:
        """As after a week, or a bad day at Google: what was is no longer told."""
        with self._lock:
            self.history_id += 10
            self.forgotten_up_to = self.history_id
            self.history.clear()

    def fail(self, method: str, *faults: Fault) -> None:
        """The next calls of a method, such as `drafts.send` or `token`, go wrong in this order."""
        with self._lock:
            self._faults[method].extend(faults)

    def called(self, method: str) -> list[Call]:
        with self._lock:
            return [each for each in self.calls if each.method == method]

    def sent(self) -> list[Mail]:
        with self._lock:
            return [each for each in self.mails.values() if "SENT" in each.labels]

    # What Gmail does.

    def _add(self, raw: bytes, labels: set[str], thread_id: str, age_s: float = 0.0) -> Mail:
        self._numbers += 1
        mail_id = f"{self._numbers:x}"
        mail = Mail(mail_id, thread_id or mail_id, labels, raw, int((time.time() - age_s) * 1000))
        self.mails[mail_id] = mail
        self._note({"messagesAdded": [{"message": {**self._brief(mail_id), "labelIds": sorted(labels)}}]})
        return mail

    def _note(self, change: dict[str, Any]) -> None:
        self.history_id += 3
        self.history.append((self.history_id, change))

    def _brief(self, mail_id: str) -> dict[str, Any]:
        return {"id": mail_id, "threadId": self.mails[mail_id].thread_id}

    def _thread_of(self, raw: bytes) -> str:
        """By what it refers to, whoever wrote it."""
        parsed = message_from_bytes(raw)
        named = re.findall(r"<[^<>]+>", f"{parsed.get('In-Reply-To', '')} {parsed.get('References', '')}")
        for mail in self.mails.values():
            if mail.headers.get("message-id", "").strip() in named:
                return mail.thread_id
        return ""

    def answer(self, call: Call) -> dict[str, Any] | None:
        match call.method:
            case "getProfile":
                return {"emailAddress": self.address, "historyId": str(self.history_id), "messagesTotal": 1}
            case "history.list":
                return self._list_history(call.query)
            case "messages.list":
                return self._page("messages", self._search(call.query), call.query)
            case "messages.get":
                return self._get(call.path["id"], call.query)
            case "drafts.create":
                return self._create_draft(call.body["message"])
            case "drafts.get":
                self._known(self.drafts, call.path["id"])
                return {"id": call.path["id"], "message": self._brief(self.drafts[call.path["id"]])}
            case "drafts.delete":
                self._known(self.drafts, call.path["id"])
                self.delete_draft(call.path["id"])
                return None
            case "drafts.list":
                found = self._search(call.query, drafts=True)
                by_mail = {mail_id: draft_id for draft_id, mail_id in self.drafts.items()}
                return {"drafts": [{"id": by_mail[each["id"]]} for each in found if each["id"] in by_mail]}
            case "drafts.send":
                return self._send_draft(call.body["id"])
            case "watch":
                expires = int((time.time() + self.watch_for_s) * 1000)
                return {"historyId": str(self.history_id), "expiration": str(expires)}
        raise Refusal(501, "notImplemented")

    def _list_history(self, query: dict[str, list[str]]) -> dict[str, Any]:
        start = int(query["startHistoryId"][0])
        if start < self.forgotten_up_to:
            raise Refusal(404, "notFound")
        wanted = set(query.get("historyTypes", []))
        kinds = {"messagesAdded": "messageAdded", "labelsAdded": "labelAdded"}
        records = [
            {"id": str(number), **change}
            for number, change in self.history
            if number > start and (not wanted or any(kinds[kind] in wanted for kind in change))
        ]
        answer = self._page("history", records, query)
        answer["historyId"] = str(self.history_id)
        if self.empty_first_page and "pageToken" not in query:
            # Seen of the real one: a page without the key and yet a next one.
            answer = {"historyId": str(self.history_id), "nextPageToken": "0"}
        return answer

    def _page(self, name: str, rows: list[Any], query: dict[str, list[str]]) -> dict[str, Any]:
        start = int(query.get("pageToken", ["0"])[0])
        size = min(self.page_size, int(query.get("maxResults", ["100"])[0]))
        page = rows[start : start + size]
        answer: dict[str, Any] = {name: page} if page else {}
        if start + size < len(rows):
            answer["nextPageToken"] = str(start + size)
        return answer

    def _search(self, query: dict[str, list[str]], *, drafts: bool = False) -> list[dict[str, Any]]:
        if self.blind_searches > 0 and "rfc822msgid" in query.get("q", [""])[0]:
            self.blind_searches -= 1
            return []
        wanted = query.get("q", [""])[0].split()
        found = []
        for mail in reversed(self.mails.values()):
            hidden = {"SPAM", "TRASH"} if query.get("includeSpamTrash", ["false"])[0] != "true" else set()
            if mail.labels & hidden or (drafts and "DRAFT" not in mail.labels):
                continue
            if all(self._matches(mail, term) for term in wanted):
                found.append(self._brief(mail.mail_id))
        return found

    def _matches(self, mail: Mail, term: str) -> bool:
        name, _, value = term.partition(":")
        match name:
            case "rfc822msgid":
                return mail.headers.get("message-id", "").strip("<> ") == value
            case "after":
                return mail.internal_ms >= int(value) * 1000
            case "in":
                return value.upper() in mail.labels
            case "to":
                return value in mail.headers.get("to", "")
            case "newer_than":
                return mail.internal_ms >= (time.time() - 86400 * int(value.strip("d"))) * 1000
        raise Refusal(400, "invalidArgument")

    def _get(self, mail_id: str, query: dict[str, list[str]]) -> dict[str, Any]:
        mail = self._known(self.mails, mail_id)
        answer = {
            "id": mail.mail_id,
            "threadId": mail.thread_id,
            "labelIds": sorted(mail.labels),
            "internalDate": str(mail.internal_ms),
            "historyId": str(self.history_id),
        }
        if query.get("format", ["full"])[0] == "raw":
            # Without padding, as it comes at times.
            answer["raw"] = base64.urlsafe_b64encode(mail.raw).decode().rstrip("=")
        else:
            wanted = {each.lower() for each in query.get("metadataHeaders", [])}
            headers = [
                {"name": k, "value": str(v)} for k, v in message_from_bytes(mail.raw).items() if k.lower() in wanted
            ]
            answer["payload"] = {"headers": headers}
        return answer

    def _create_draft(self, message: dict[str, Any]) -> dict[str, Any]:
        raw = base64.urlsafe_b64decode(message["raw"] + "==")
        thread_id = message.get("threadId", "")
        if thread_id and not any(each.thread_id == thread_id for each in self.mails.values()):
            raise Refusal(404, "notFound")
        mail = self._add(raw, {"DRAFT"}, thread_id)
        draft_id = f"r-{mail.mail_id}"
        self.drafts[draft_id] = mail.mail_id
        return {"id": draft_id, "message": self._brief(mail.mail_id)}

    def _send_draft(self, draft_id: str) -> dict[str, Any]:
        """The draft is deleted and another mail made: https://developers.google.com/workspace/gmail/api/guides/drafts"""
        self._known(self.drafts, draft_id)
        draft = self.mails.pop(self.drafts.pop(draft_id))
        raw = draft.raw
        if self.rewrite_message_ids:
            raw = re.sub(rb"(?im)^message-id:.*$", b"Message-ID: <CA%d@mail.gmail.com>" % self._numbers, raw, count=1)
        mail = self._add(raw, {"SENT"}, draft.thread_id)
        return {"id": mail.mail_id, "threadId": mail.thread_id, "labelIds": ["SENT"]}

    @staticmethod
    def _known(things: dict[str, Any], key: str) -> Any:
        if key not in things:
            raise Refusal(404, "notFound")
        return things[key]

    def take_fault(self, method: str) -> Fault | None:
        with self._lock:
            waiting = self._faults[method]
            return waiting.popleft() if waiting else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gmail: ClassVar[FakeGmail]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        target = urlsplit(self.path)
        if target.path == "/token":
            self._give_token(parse_qs(body.decode()))
        elif target.path == "/oauth2/v1/certs":
            self._give_certificates()
        else:
            self._serve_api(target.path, parse_qs(target.query, keep_blank_values=True), body)

    def _give_certificates(self) -> None:
        with self.gmail._lock:
            self.gmail.certificate_requests += 1
        fault = self.gmail.take_fault("certificates")
        if fault is not None:
            self._answer(fault.status, {})
        else:
            self._answer(200, self.gmail.certificates, (("Cache-Control", f"max-age={self.gmail.certificates_for_s}"),))

    def _give_token(self, form: dict[str, list[str]]) -> None:
        gmail = self.gmail
        with gmail._lock:
            gmail.token_requests.append(form)
        fault = gmail.take_fault("token")
        if fault is not None:
            self._answer(fault.status, {"error": fault.reason})
        elif gmail.token_error:
            self._answer(400, {"error": gmail.token_error, "error_description": "Token has been expired or revoked."})
        else:
            self._answer(200, {"access_token": "a-token", "expires_in": 3599, "token_type": "Bearer", "id_token": "x"})

    def _serve_api(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        gmail = self.gmail
        matched = match_request(self.command, path)
        if matched is None:
            gmail.violations.append(f"{self.command} {path} is no method")
            self._answer(404, _problem(404, "notFound"))
            return
        method, in_path = matched
        if self.headers.get("Authorization") != "Bearer a-token":
            self._answer(401, _problem(401, "authError"))
            return
        call = Call(method["id"].removeprefix("gmail.users."), in_path, query, json.loads(body) if body else None)
        with gmail._lock:
            gmail.calls.append(call)
            gmail.violations.extend(find_violations(method, query, call.body))
        if gmail.on_call is not None:
            gmail.on_call(call)
        self._carry_out(call, gmail.take_fault(call.method))

    def _carry_out(self, call: Call, fault: Fault | None) -> None:
        status, answer = 200, None
        if fault is None or fault.after:
            try:
                with self.gmail._lock:
                    answer = self.gmail.answer(call)
            except Refusal as refusal:
                status, answer = refusal.status, _problem(refusal.status, refusal.reason)
        if fault is None:
            self._answer(status, answer)
        elif fault.cut:
            time.sleep(fault.hang_s)
            self.close_connection = True
            self.connection.close()
        else:
            self._answer(fault.status, _problem(fault.status, fault.reason), fault.headers)

    def _answer(self, status: int, answer: Any, headers: tuple[tuple[str, str], ...] = ()) -> None:
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _problem(status: int, reason: str) -> dict[str, Any]:
    # Google's sentences name addresses; ours must not come to light anywhere.
    message = "A sentence that names customer@example.com"
    return {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


@contextmanager
def serve_gmail(gmail: FakeGmail) -> Iterator[FakeGmail]:
    """Serve it on a port of loopback. At the end every request must have been one by the discovery document."""
    handler = type("Handler", (_Handler,), {"gmail": gmail})
    server = _Server(("127.0.0.1", 0), handler)
    gmail.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield gmail
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert gmail.violations == []
