"""Who a mail is really from, as the receiving server found (RFC 8601, RFC 7489).

Anybody can write a From line, and anybody can write an Authentication-Results field. Only the topmost one counts,
only if our own receiving server signed it with its name, and only for the domain of the author.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.message import Message
from ipaddress import ip_address, ip_network
from typing import Final

from channels.mail.headers import raw_values
from channels.mail.records import Authentication, Mailbox, Verdict

_REASON: Final = re.compile(r'\breason\s*=\s*(?:"[^"\\()]{0,500}"|[^\s;"()]+)', re.IGNORECASE)
_METHOD: Final = re.compile(r"^([a-z0-9-]+)(?:\s*/\s*\d+)?\s*=\s*([a-z]+)(.*)$", re.IGNORECASE | re.DOTALL)
_PROPERTY: Final = re.compile(r"([a-z-]+)\.([a-z0-9-]+)\s*=\s*([^\s;]+)", re.IGNORECASE)
_ENVELOPE: Final = ("smtp.mailfrom", "smtp.mail")
_FROM: Final = re.compile(r"\s*from\s", re.IGNORECASE)
_HANDED_OVER: Final = re.compile(
    r"from .*\[(?:IPv6:)?(?P<address>[0-9a-f:.]{3,45})\]\)? by (?P<by>[^\s;()]{1,255})(?:[\s;]|$)", re.IGNORECASE
)
_NETWORK_BITS: Final = {4: 24, 6: 64}
_REFUSED: Final = {"fail", "permerror", "softfail", "policy"}


@dataclass(frozen=True, slots=True)
class _Result:
    method: str
    result: str
    properties: dict[str, str]


def judge_author(message: Message, authors: Sequence[Mailbox], authserv_id: str) -> Authentication:
    """The verdict on the From domain. `none` without a trusted server, a single author, or anything to rest on."""
    fields = raw_values(message, "Authentication-Results")
    domain = authors[0].domain.rstrip(".") if len(authors) == 1 else ""
    if not authserv_id or not fields or not domain or len(raw_values(message, "From")) != 1:
        return Authentication(domain=domain)
    results = _parse(fields[0], authserv_id)
    if results is None:
        return Authentication(domain=domain)
    dmarc = [result for result in results if result.method == "dmarc"]
    if any(result.result in _REFUSED for result in dmarc):
        return Authentication(Verdict.FAIL, "dmarc", domain)
    if dmarc and all(result.result == "pass" and _states(result, "header.from", domain) for result in dmarc):
        return Authentication(Verdict.PASS, "dmarc", domain)
    verdict = _judge_aligned(results, domain)
    if verdict.verdict is Verdict.NONE and not dmarc and _publishes_nothing(results, domain):
        return replace(verdict, path=_path_of(message, authserv_id))
    return verdict


def _publishes_nothing(results: list[_Result], domain: str) -> bool:
    """Whether the envelope is of the author's own domain, and that says of no network whether it may send.

    Gmail guesses where there is no record, and calls the guess neutral (RFC 7208, 2.6.2: to be treated as none).
    """
    spf = [result for result in results if result.method == "spf"]
    aligned = [result for result in spf if _is_aligned(result, _ENVELOPE, domain)]
    return bool(aligned) and all(result.result in {"none", "neutral"} for result in spf)


def _path_of(message: Message, authserv_id: str) -> str:
    """The network of whoever handed the mail to our receiving server, by the line that it wrote itself.

    It is the topmost one that names somebody to have it from. Of two addresses in it the last was seen, the other said.
    """
    line = next((" ".join(value.split()) for value in raw_values(message, "Received") if _FROM.match(value)), "")
    found = _HANDED_OVER.match(line)
    if found is None or found["by"].lower() != authserv_id.strip().lower():
        return ""
    try:
        address = ip_address(found["address"])
    except ValueError:
        return ""
    bits = _NETWORK_BITS[address.version]
    return str(ip_network(f"{address}/{bits}", strict=False))


def _judge_aligned(results: list[_Result], domain: str) -> Authentication:
    """Without DMARC's own verdict: a signature or an envelope of the author's domain."""
    for method, names in (("dkim", ("header.d", "header.i")), ("spf", _ENVELOPE)):
        for result in results:
            if result.method == method and result.result == "pass" and _is_aligned(result, names, domain):
                return Authentication(Verdict.PASS, method, domain)
    judged = [result for result in results if result.method in {"dkim", "spf"}]
    refused = next((result for result in judged if result.result in _REFUSED), None)
    if refused is not None and not any(result.result == "pass" for result in judged):
        return Authentication(Verdict.FAIL, refused.method, domain)
    return Authentication(domain=domain)


def _is_aligned(result: _Result, names: tuple[str, ...], domain: str) -> bool:
    """Of the author's domain, or of one that it lies in.

    A subdomain that signs for its parent is not enough: without the Public Suffix List a stranger's subdomain at a
    host of many looks the same. DMARC's verdict covers the honest case.
    """
    stated = next((result.properties[name] for name in names if name in result.properties), "")
    signer = stated.rpartition("@")[2].strip("<>").rstrip(".").lower()
    return bool(signer) and "." in signer and (domain == signer or domain.endswith("." + signer))


def _states(result: _Result, name: str, domain: str) -> bool:
    stated = result.properties.get(name, domain)
    return stated.rpartition("@")[2].strip("<>").rstrip(".").lower() == domain


def _parse(field: str, authserv_id: str) -> list[_Result] | None:
    """The results of one field; None for another server's, and for one that somebody may have written into.

    What a stranger chooses (the envelope's address) is quoted by the server. A quoted string or an escape that
    remains once the reasons are gone could hide a result of its own, so such a field proves nothing.
    """
    text = _without_comments(_REASON.sub("", field))
    if text is None or '"' in text or "\\" in text:
        return None
    server, *stated = text.split(";")
    words = server.split()
    if not words or words[0].lower() != authserv_id.strip().lower():
        return None
    results = []
    for item in stated:
        match = _METHOD.match(item.strip())
        if match:
            properties = {f"{kind}.{name}".lower(): value for kind, name, value in _PROPERTY.findall(match[3])}
            results.append(_Result(match[1].lower(), match[2].lower(), properties))
    return results


def _without_comments(field: str) -> str | None:
    """Without what stands in parentheses, which nest; None if they do not pair."""
    kept: list[str] = []
    depth = 0
    for letter in field:
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth < 0:
                return None
        elif not depth:
            kept.append(letter)
        elif letter in '"\\':
            return None
    return "".join(kept) if depth == 0 else None
