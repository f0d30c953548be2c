"""Only our own server's word, on the author's domain, counts for who a mail is from."""

from __future__ import annotations

import pytest

from channels.mail.reading import read_mail
from tests.unit.mail.samples import mail

SERVER = "mx.example.net"


def verdict(*fields: str, sender: str = "Ada <ada@example.com>", server: str = SERVER) -> tuple[str, str]:
    raw = mail("Hello", sender=sender)
    head = "".join(f"Authentication-Results: {field}\r\n" for field in fields).encode()
    found = read_mail(head + raw, authserv_id=server).authentication
    return found.verdict.value, found.method


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"{SERVER}; dkim=pass header.i=@example.com; spf=pass smtp.mailfrom=a@example.com; dmarc=pass (p=NONE) header.from=example.com", ("pass", "dmarc")),
        (f"{SERVER}; dmarc=fail (p=REJECT dis=NONE) header.from=example.com", ("fail", "dmarc")),
        (f"{SERVER}; dkim=pass header.d=example.com header.s=a header.b=x", ("pass", "dkim")),
        (f"{SERVER} 1; dkim=pass (2048-bit key) header.i=@Example.com", ("pass", "dkim")),
        (f'{SERVER}; dkim=pass reason="2048-bit key; unprotected" header.d=example.com', ("pass", "dkim")),
        (f"{SERVER}; spf=pass ({SERVER}: domain of ada@example.com designates 192.0.2.1) smtp.mailfrom=ada@example.com", ("pass", "spf")),
        (f"{SERVER}; dkim=pass header.d=other.example; spf=pass smtp.mailfrom=x@bulk.example", ("none", "")),
        (f"{SERVER}; dkim=fail header.d=example.com; spf=softfail smtp.mailfrom=ada@example.com", ("fail", "dkim")),
        (f"{SERVER}; none", ("none", "")),
        (f"{SERVER}; dmarc=pass header.from=other.example", ("none", "")),
        (f"{SERVER}; dmarc=bestguesspass header.from=example.com", ("none", "")),
        ("evil.example; dmarc=pass header.from=example.com", ("none", "")),
        (f"{SERVER}.evil.example; dmarc=pass header.from=example.com", ("none", "")),
        ("", ("none", "")),
    ],
)  # fmt: skip
def test_the_verdict_of_the_receiving_server(field: str, expected: tuple[str, str]) -> None:
    assert verdict(field) == expected


def test_only_the_topmost_field_counts() -> None:
    passing = f"{SERVER}; dmarc=pass header.from=example.com"
    assert verdict("other.example; dmarc=none", passing) == ("none", "")
    assert verdict(f"{SERVER}; dmarc=fail header.from=example.com", passing) == ("fail", "dmarc")
    assert verdict(passing, "other.example; dmarc=fail") == ("pass", "dmarc")


def test_without_a_trusted_server_nothing_is_authenticated() -> None:
    assert verdict(f"{SERVER}; dmarc=pass header.from=example.com", server="") == ("none", "")


def test_a_parent_signs_for_its_subdomain_and_not_the_other_way_round() -> None:
    assert verdict(f"{SERVER}; dkim=pass header.d=example.com", sender="a@news.example.com") == ("pass", "dkim")
    assert verdict(f"{SERVER}; dkim=pass header.d=evil.host.example", sender="a@host.example") == ("none", "")
    assert verdict(f"{SERVER}; dkim=pass header.d=example", sender="a@example.example") == ("none", "")


@pytest.mark.parametrize(
    "field",
    [
        f'{SERVER}; spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com"@evil.example',
        f'{SERVER}; spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com; y"@evil.example',
        f"{SERVER}; spf=pass smtp.mailfrom=x\\; dmarc=pass header.from=example.com; y@evil.example",
        f'{SERVER}; spf=pass (domain of "a) ; dmarc=pass header.from=example.com (b"@evil.example) smtp.mailfrom=evil.example',
        f"{SERVER}; spf=pass (domain of a\\) ; dmarc=pass header.from=example.com (b) smtp.mailfrom=evil.example",
        f"{SERVER}; spf=none ) ; dmarc=pass header.from=example.com",
        f"{SERVER}; dmarc=pass header.from=example.com; dmarc=fail header.from=example.com",
    ],
)
def test_a_result_smuggled_in_by_a_stranger_proves_nothing(field: str) -> None:
    assert verdict(field)[0] != "pass"


def test_a_mail_of_several_authors_is_of_nobody() -> None:
    field = f"{SERVER}; dmarc=pass header.from=example.com"
    assert verdict(field, sender="ada@example.com, eve@evil.example")[0] == "none"
    raw = f"Authentication-Results: {field}\r\nFrom: eve@evil.example\r\n".encode() + mail("Hello")
    assert not read_mail(raw, authserv_id=SERVER).authentication.passed


NOTHING = f"{SERVER}; spf=none ({SERVER}: ada@example.com does not designate) smtp.mailfrom=ada@example.com"
HANDED_OVER = f"from mail.example.com (mail.example.com. [203.0.113.7]) by {SERVER} with ESMTPS id x; Mon, 5 May 2025"


def path(field: str = NOTHING, received: tuple[str, ...] = ("by 2002:a05:6402:b0 with SMTP id y", HANDED_OVER)) -> str:
    head = f"Authentication-Results: {field}\r\n" + "".join(f"Received: {line}\r\n" for line in received)
    return read_mail(head.encode() + mail("Hello"), authserv_id=SERVER).authentication.path


def test_the_path_of_a_domain_that_publishes_nothing_is_the_network_that_it_came_from() -> None:
    assert path() == "203.0.113.0/24"
    assert path(received=(HANDED_OVER.replace("203.0.113.7", "IPv6:2001:db8:1:2:3::4"),)) == "2001:db8:1:2::/64"
    assert path(NOTHING.replace("spf=none", "spf=neutral")) == "203.0.113.0/24"
    assert path(f"{NOTHING}; dkim=pass header.d=mailer.example") == "203.0.113.0/24"


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(f"{SERVER}; spf=pass smtp.mailfrom=ada@example.com", id="it is proved"),
        pytest.param(f"{NOTHING}; dmarc=fail header.from=example.com", id="it publishes DMARC"),
        pytest.param(f"{NOTHING}; dmarc=none header.from=example.com", id="it publishes a DMARC that says nothing"),
        pytest.param(f"{SERVER}; spf=softfail smtp.mailfrom=ada@example.com", id="it publishes SPF"),
        pytest.param(
            f"{SERVER}; dkim=pass header.d=x.example; spf=softfail smtp.mailfrom=ada@example.com",
            id="and signs elsewhere",
        ),
        pytest.param(f"{SERVER}; spf=none smtp.mailfrom=mallory@evil.example", id="the envelope is a stranger's"),
        pytest.param(f"{SERVER}; spf=none smtp.mailfrom=", id="the envelope is nobody's"),
        pytest.param(f"{SERVER}; dkim=none", id="nothing is said of the envelope"),
        pytest.param(NOTHING.replace(SERVER, "evil.example"), id="somebody else says it"),
    ],
)
def test_other_mail_has_no_path(field: str) -> None:
    assert path(field) == ""


@pytest.mark.parametrize(
    "received",
    [
        pytest.param((), id="no line"),
        pytest.param((HANDED_OVER.replace(f"by {SERVER}", "by evil.example"), HANDED_OVER), id="not by our server"),
        pytest.param((HANDED_OVER.replace(f"by {SERVER}", f"by {SERVER}.evil.example"),), id="almost by our server"),
        pytest.param((f"from mail.example.com by {SERVER}; Mon",), id="no address"),
        pytest.param((HANDED_OVER.replace("203.0.113.7", "999.1.1.1"),), id="no true address"),
    ],
)
def test_only_our_own_servers_line_tells_the_path(received: tuple[str, ...]) -> None:
    assert path(received=received) == ""


def test_the_address_that_the_sender_only_says_is_not_the_path() -> None:
    said = f"from [198.51.100.1] (evil.example. [203.0.113.7]) by {SERVER} with ESMTP"
    assert path(received=(said, HANDED_OVER)) == "203.0.113.0/24"
