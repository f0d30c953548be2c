"""Who sent a request, as far as that can be known: the address that a trusted proxy names, as a keyed hash."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from fastapi import Request
from pydantic import SecretStr

_PURPOSE = b"fte form sender 1"
_IPV6_CUSTOMER_BITS = 64  # what one customer of a provider has at least (RFC 6177)
Address = IPv4Address | IPv6Address


class Senders:
    """Behind Serve's HAProxy every request comes from the proxy, so that without trusted proxies nobody is known."""

    def __init__(self, trusted: Sequence[str], secret: SecretStr) -> None:
        """`trusted`: networks whose X-Forwarded-For counts. Raises ValueError for one that is none."""
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(each, strict=False) for each in trusted]
        self._key = hmac.digest(secret.get_secret_value().encode(), _PURPOSE, hashlib.sha256)

    def identify(self, request: Request) -> bytes | None:
        """16 bytes that are the same for the same address (of IPv6, for the same /64), or None."""
        address = self.find_address(
            request.client.host if request.client else "", request.headers.getlist("x-forwarded-for")
        )
        if address is None:
            return None
        if isinstance(address, IPv6Address):
            address = ip_network((address, _IPV6_CUSTOMER_BITS), strict=False).network_address
        return hmac.digest(self._key, address.packed, hashlib.sha256)[:16]

    def find_address(self, peer: str, forwarded: Sequence[str]) -> Address | None:
        """The last address before the trusted proxies: what stands further left can be anybody's invention."""
        hops = [part.strip() for line in forwarded for part in line.split(",")]
        came_from = _parse(peer)
        if not self._trusted or not hops or came_from is None:
            return None
        if not self._trusts(came_from):
            # The HTTP server has already put the proxy's word in the peer's place, or nobody vouches for the word.
            return came_from if peer in hops else None
        for hop in reversed(hops):
            address = _parse(hop)
            if address is None or not self._trusts(address):
                return address
        return None

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
