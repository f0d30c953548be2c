"""Twilio's signature of a webhook: an HMAC over the public address and every parameter of the form.

https://www.twilio.com/docs/usage/security. The address is the one that is configured at Twilio, so it is made from
API_BASE_URL, with its path prefix, and never from a header that anybody can send.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from agent.errors import BadInput, SignatureInvalid

SIGNATURE_HEADER = "X-Twilio-Signature"
_FIELDS_MAX = 200


class Form:
    """A form's fields, repeated and empty ones too, as the validator and the parsers ask for them."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def getall(self, name: str) -> list[str]:
        return self._values[name]

    def get(self, name: str) -> str:
        """The first value; empty where there is none."""
        return self._values.get(name, [""])[0]


def parse_form(body: bytes) -> Form:
    """Raises BadInput for what is no form in UTF-8."""
    try:
        text = body.decode("ascii")
        return Form(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX))
    except ValueError as error:
        raise BadInput("body", "must be a form (application/x-www-form-urlencoded) in UTF-8") from error


class WebhookDoor:
    """Lets in what Twilio signed with our token. Without a token it lets in nothing."""

    def __init__(self, token: SecretStr, base_url: str) -> None:
        """`base_url`: what Twilio's requests begin with, path prefix included."""
        self._token = token
        self._base_url = base_url.rstrip("/")

    def check(self, path: str, query: str, form: Form, signature: str) -> None:
        """`path` as it is declared, `query` as it was sent. Raises SignatureInvalid."""
        token = self._token.get_secret_value()
        if not token:
            raise SignatureInvalid("webhooks cannot be verified: TWILIO_AUTH_TOKEN is not set")
        address = self.address(path, query)
        if not signature or not RequestValidator(token).validate(address, form, signature):
            raise SignatureInvalid("the signature does not fit the request; is API_BASE_URL the address set at Twilio?")

    def sign(self, path: str, form: Form) -> str:
        """What Twilio would send as the signature: for the webhooks that `fte say` makes."""
        signature: str = RequestValidator(self._token.get_secret_value()).compute_signature(self.address(path), form)
        return signature

    def address(self, path: str, query: str = "") -> str:
        return f"{self._base_url}{path}{f'?{query}' if query else ''}"
