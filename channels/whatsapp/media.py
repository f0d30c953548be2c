"""Fetches files that messages name: from Twilio and its CDN only, with our credentials to the API and to nobody else.

What a webhook names as an address was signed, but may still lead elsewhere by a redirect; so every hop is looked at:
its host is on the list, what its name resolves to is outside of our own networks, and the connection goes to that very
address. The API's own server, which the operator configured, is trusted as it is.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urljoin, urlsplit

import httpx

from agent.errors import BadInput, MediaRefused, MediaUnavailable
from agent.records import FetchedFile, MediaFetch
from channels.web_form.files import FILE_MAX_BYTES, clean_name, find_media_type
from channels.whatsapp.api import TwilioAccount

_HOSTS = (".twilio.com", ".twiliocdn.com")
_REDIRECTS_MAX = 3
_TIMEOUT = httpx.Timeout(8.0, connect=4.0)
# The first bytes of recordings (RFC 3533, RFC 4867, ID3, ISO 14496-12), which people at the desk save and play.
_RECORDINGS = {b"OggS": ("audio/ogg", ".ogg"), b"#!AMR": ("audio/amr", ".amr"), b"ID3": ("audio/mpeg", ".mp3")}

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host."""


class TwilioMedia:
    """Implements ports.MediaSource."""

    def __init__(
        self,
        account: TwilioAccount,
        *,
        max_bytes: int = FILE_MAX_BYTES,
        resolve: Resolve | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._account = account
        self._api_origin = _origin_of(account.api_url)
        self._max_bytes = max_bytes
        guarded = _Guarded(
            self._api_origin, resolve or _resolve, transport or httpx.AsyncHTTPTransport(trust_env=False)
        )
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=False, transport=guarded)

    async def close(self) -> None:
        await self._http.aclose()

    async def fetch(self, media: MediaFetch) -> FetchedFile:
        """Raises MediaUnavailable for what may come yet, MediaRefused for what is not taken."""
        self._check_first(media)
        url = media.url
        try:
            for _ in range(_REDIRECTS_MAX + 1):
                answer = await self._ask(url)
                if isinstance(answer, bytes):
                    return _to_file(media, answer)
                url = urljoin(url, answer)
        except httpx.HTTPError as error:
            raise MediaUnavailable("the file's host does not answer") from error
        raise MediaRefused("the file's address redirects again and again")

    def _check_first(self, media: MediaFetch) -> None:
        """Credentials go along with this address: it must be a file of this message in our account."""
        parts = urlsplit(media.url)
        path = (
            rf"/2010-04-01/Accounts/{re.escape(self._account.sid)}/Messages/{re.escape(media.message_key)}"
            r"/Media/ME[0-9a-fA-F]{32}"
        )
        if _origin_of(media.url) != self._api_origin or not re.fullmatch(path, parts.path) or parts.query:
            raise MediaRefused("the file's address is not that of a file of this message at Twilio")

    async def _ask(self, url: str) -> bytes | str:
        """The content, or where it is."""
        ours = _origin_of(url) == self._api_origin
        if not ours:
            _check_elsewhere(url)
        auth = httpx.BasicAuth(self._account.sid, self._account.token.get_secret_value()) if ours else None
        async with self._http.stream("GET", url, auth=auth) as answer:
            if answer.is_redirect:
                return answer.headers["location"]
            if answer.status_code in (404, 408, 425, 429) or answer.status_code >= 500:
                raise MediaUnavailable(f"the file's host answered {answer.status_code}")
            if answer.status_code != 200:
                raise MediaRefused(f"the file's host answered {answer.status_code}")
            return await self._read(answer)

    async def _read(self, answer: httpx.Response) -> bytes:
        too_large = MediaRefused(f"the file is over {self._max_bytes} bytes")
        declared = answer.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise too_large
        content = bytearray()
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > self._max_bytes:
                raise too_large
        return bytes(content)


class NoMedia:
    """Implements ports.MediaSource where no account is configured: there is nowhere to fetch from."""

    async def fetch(self, media: MediaFetch) -> FetchedFile:
        raise MediaRefused("no Twilio account is configured")


class _Guarded(httpx.AsyncBaseTransport):
    """Connects to nothing inside of our own networks, whatever a host's name resolves to, then or a moment later."""

    def __init__(self, trusted_origin: str, resolve: Resolve, transport: httpx.AsyncBaseTransport) -> None:
        self._trusted_origin = trusted_origin
        self._resolve = resolve
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if _origin_of(str(request.url)) != self._trusted_origin:
            try:
                addresses = await self._resolve(host, request.url.port or 443)
            except OSError as error:
                raise httpx.ConnectError("the host's name does not resolve") from error
            if not addresses or not all(ipaddress.ip_address(each).is_global for each in addresses):
                raise MediaRefused("the file's host is inside of a private network")
            # The Host header, and the name that the certificate must have, stay the host's.
            request.url = request.url.copy_with(host=addresses[0])
            request.extensions = {**request.extensions, "sni_hostname": host}
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def _check_elsewhere(url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.username or not host.endswith(_HOSTS) or parts.port not in (None, 443):
        raise MediaRefused("the file's address leads to a host that is not Twilio's")


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _to_file(media: MediaFetch, content: bytes) -> FetchedFile:
    stem = f"whatsapp-{media.url[-8:]}"
    for start, (media_type, ending) in _RECORDINGS.items():
        if content.startswith(start):
            return FetchedFile(stem + ending, media_type, content)
    if content[4:8] == b"ftyp":
        kind, ending = ("audio", ".m4a") if media.media_type.startswith("audio/") else ("video", ".mp4")
        return FetchedFile(stem + ending, f"{kind}/mp4", content)
    try:
        media_type = find_media_type(content)
    except BadInput as error:
        raise MediaRefused("the file is no picture, recording, PDF or text") from error
    return FetchedFile(clean_name(stem, media_type), media_type, content)
