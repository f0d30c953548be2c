"""What providers post on behalf of customers, signed as theirs: the form's request, Twilio's webhook, Gmail's push."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from urllib.parse import urlencode

from pydantic import SecretStr

from channels.gmail.local import LOCAL_ADDRESS, LOCAL_AUTHSERV, put_mail
from channels.gmail.local_push import make_push, sign_push
from channels.whatsapp.signature import SIGNATURE_HEADER, Form, WebhookDoor
from load.form_client import submission
from load.system import System
from serve_app.settings import key_files

WHATSAPP_PATH, MAIL_PATH, FORM_PATH = "/webhooks/whatsapp", "/webhooks/gmail", "/support/submit"
_OUR_NUMBER = "whatsapp:+15550100999"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that its sender repeats as it is until it has a 2xx."""

    path: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of one sender; `number` counts theirs. The later ones answer the first."""

    sender: str
    number: int
    text: str

    @property
    def message_id(self) -> str:
        return f"<{self.sender.replace('@', '.')}.{self.number}@example.com>"


class Providers:
    """Signs for one system in its offline mode, with the local keys that it made."""

    def __init__(self, system: System) -> None:
        base_url = f"http://127.0.0.1:{system.port}"
        files = key_files(system.home)
        self._mail_folder = system.home / "mail"
        self._twilio = WebhookDoor(SecretStr(_read(files["twilio_auth_token"])), base_url)
        self._push_key, self._audience = _read(files["local_push_key"]), f"{base_url}{MAIL_PATH}"
        self._authorization = ""

    def form(self, key: str, text: str) -> Request:
        return Request(FORM_PATH, submission(key, text), {"Idempotency-Key": key})

    def whatsapp(self, number: str, sid: str, text: str) -> Request:
        """`number` in E.164."""
        fields = [
            ("MessageSid", sid),
            ("AccountSid", f"AC{'0' * 32}"),
            ("From", f"whatsapp:{number}"),
            ("To", _OUR_NUMBER),
            ("Body", text),
            ("NumMedia", "0"),
            ("ProfileName", "Load Test"),
        ]
        signature = self._twilio.sign(WHATSAPP_PATH, Form(fields))
        headers = {"Content-Type": "application/x-www-form-urlencoded", SIGNATURE_HEADER: signature}
        return Request(WHATSAPP_PATH, urlencode(fields).encode(), headers)

    def deliver_mail(self, mail: Mail) -> int:
        """Put a mail into the mailbox; its number there. No push tells of it yet."""
        return put_mail(self._mail_folder, _compose(mail))

    def push(self, mail_number: int) -> Request:
        """Tells of a mail. Google signs a token once and uses it for several pushes, and so does this."""
        self._authorization = self._authorization or sign_push(self._push_key, self._audience)
        return Request(MAIL_PATH, make_push(LOCAL_ADDRESS, mail_number), {"Authorization": self._authorization})

    def key_of_mail(self, mail_number: int) -> str:
        """Under which the system stores a mail."""
        return f"{LOCAL_ADDRESS}/{mail_number}"


def sid_of(seed: str) -> str:
    """A message id of Twilio's kind; the same seed gives the same."""
    return f"SM{hashlib.sha256(seed.encode()).hexdigest()[:32]}"


def _compose(mail: Mail) -> bytes:
    composed = EmailMessage(policy=SMTP)
    # The folder is the receiving server, which vouches for the sender on top.
    composed["Authentication-Results"] = f"{LOCAL_AUTHSERV}; dmarc=pass header.from=example.com"
    composed["From"] = f"Load Test <{mail.sender}>"
    composed["To"] = LOCAL_ADDRESS
    composed["Subject"] = "A question" if mail.number == 0 else "Re: A question"
    composed["Message-ID"] = mail.message_id
    if mail.number:
        first = Mail(mail.sender, 0, "").message_id
        composed["In-Reply-To"], composed["References"] = first, first
    composed.set_content(mail.text)
    return composed.as_bytes()


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()
