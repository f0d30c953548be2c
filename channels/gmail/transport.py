"""How requests reach Google: one httplib2 a thread, which is not safe to share, and one token for all of them.

The token is put on here and not by google-auth's own transport, which for service accounts also asks another of
Google's services in the background where the credentials may be used.
"""

from __future__ import annotations

import http.client
import threading
import time
from pathlib import Path
from typing import Any

import google_auth_httplib2
import httplib2
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError

from agent.errors import ConfigurationInvalid, NeedsReauth
from channels.gmail.credentials import load_credentials
from channels.gmail.problems import TokenRefused, to_error

_REFUSED_FOR_S = 60.0
"""So long nobody asks for a token again that was refused, unless the file changed: no storm of refusals."""


class Tokens:
    """The access token of one mailbox. The credentials are read again whenever their file changes."""

    def __init__(self, path: Path, mailbox: str, api_url: str) -> None:
        self._path = path
        self._mailbox = mailbox
        self._api_url = api_url
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._read_at_ns = 0
        self._refusal: NeedsReauth | None = None
        self._refused_at = 0.0

    def bearer(self, transport: httplib2.Http, stale: str | None = None) -> str:
        """A token that is not `stale`, which Google has just refused. For any thread.

        Raises NeedsReauth, TokenRefused.
        """
        with self._lock:
            credentials = self._current()
            if self._refusal is not None and time.monotonic() - self._refused_at < _REFUSED_FOR_S:
                raise self._refusal
            if not credentials.valid or credentials.token == stale:
                self._refresh(credentials, transport)
            return str(credentials.token)

    @property
    def file_changed(self) -> bool:
        """Whether other credentials lie there than were read last."""
        return self._changed_at_ns() != self._read_at_ns

    def _current(self) -> Credentials:
        changed_at_ns = self._changed_at_ns()
        if self._credentials is None or changed_at_ns != self._read_at_ns:
            self._read_at_ns = changed_at_ns
            self._refusal = None
            try:
                self._credentials = load_credentials(self._path, self._mailbox, self._api_url)
            except ConfigurationInvalid as error:
                self._credentials = None
                raise NeedsReauth(str(error)) from error
        return self._credentials

    def _refresh(self, credentials: Credentials, transport: httplib2.Http) -> None:
        try:
            credentials.refresh(google_auth_httplib2.Request(transport))
        except (GoogleAuthError, OSError) as error:
            refused = TokenRefused()
            refused.__cause__ = error
            ours = to_error(refused, sending=False)
            if isinstance(ours, NeedsReauth):
                self._refusal, self._refused_at = ours, time.monotonic()
            raise ours from error
        self._refusal = None

    def _changed_at_ns(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return -1


class SignedHttp:
    """An httplib2.Http of one thread, as google-api-python-client calls it, that puts the token on."""

    def __init__(self, tokens: Tokens, timeout_s: float, *, through_proxy: bool) -> None:
        """`through_proxy`: by the environment's HTTPS_PROXY, as Google is reached where there is one."""
        proxy = {} if through_proxy else {"proxy_info": None}
        self._http = httplib2.Http(timeout=timeout_s, **proxy)
        self._http.follow_redirects = False
        self._tokens = tokens

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[httplib2.Response, bytes]:
        """Once more with a new token where this one is refused. Raises NeedsReauth, and what httplib2 does."""
        token = self._tokens.bearer(self._http)
        response, content = self._send(uri, method, body, headers, token, more)
        if response.status == 401:
            token = self._tokens.bearer(self._http, stale=token)
            response, content = self._send(uri, method, body, headers, token, more)
        return response, content

    def close(self) -> None:
        """Close this thread's connections; another request opens new ones."""
        self._http.close()

    def _send(
        self, uri: str, method: str, body: Any, headers: dict[str, str] | None, token: str, more: dict[str, Any]
    ) -> tuple[httplib2.Response, bytes]:
        signed = {**(headers or {}), "authorization": f"Bearer {token}"}
        answer: tuple[httplib2.Response, bytes]
        if method == "GET":
            answer = self._http.request(uri, method, body=body, headers=signed, **more)
            return answer
        # What has an effect goes over a connection of its own: an idle one may be closed at the other end, and httplib2
        # would then send the request again without a word.
        self.close()
        try:
            kind = _SecureOnce if uri.startswith("https:") else _PlainOnce
            answer = self._http.request(uri, method, body=body, headers=signed, **{**more, "connection_type": kind})
            return answer
        finally:
            self.close()


class _Once(http.client.HTTPConnection):
    """A connection on which no request is repeated: that an answer is missing is for the caller to think about."""

    def getresponse(self) -> http.client.HTTPResponse:
        try:
            return super().getresponse()
        except http.client.BadStatusLine as error:
            raise ConnectionResetError("the connection ended without an answer") from error


class _PlainOnce(_Once, httplib2.HTTPConnectionWithTimeout):  # type: ignore[misc]  # httplib2 has no types
    pass


class _SecureOnce(_Once, httplib2.HTTPSConnectionWithTimeout):  # type: ignore[misc]  # as above
    pass
