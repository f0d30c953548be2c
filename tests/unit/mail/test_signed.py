"""Mail with a signature wrapped around it: its words and files are read, and nothing of the wrapping."""

from __future__ import annotations

import base64

import pytest

from channels.mail.reading import read_mail
from channels.mail.signed import open_signed
from tests.unit.mail.samples import CUSTOMER, SUPPORT, mail, multipart, part

INNER = (
    b'Content-Type: multipart/mixed; boundary="i"\r\n\r\n--i\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
    b"Please reset my password.\r\n--i\r\nContent-Type: application/pdf; name=plan.pdf\r\n\r\n%PDF\r\n--i--\r\n"
)
_DATA = bytes.fromhex("06092a864886f70d010701")
_SIGNED = bytes.fromhex("06092a864886f70d010702")
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2)
    return bytes([tag]) + size + content


def ber(tag: int, content: bytes) -> bytes:
    """Of a length that is not said before."""
    return bytes([tag]) + b"\x80" + content + b"\0\0"


def signed(octets: bytes, kind: bytes = _SIGNED, wrap=der) -> bytes:  # type: ignore[no-untyped-def]
    encapsulated = wrap(0x30, _DATA + wrap(0xA0, octets))
    data = wrap(0x30, der(0x02, b"\x01") + der(0x31, b"") + encapsulated + der(0x31, b""))
    return bytes(wrap(0x30, kind + wrap(0xA0, data)))


def smime(content: bytes, smime_type: str = "signed-data") -> bytes:
    head = (
        f"From: {CUSTOMER}\r\nTo: {SUPPORT}\r\nSubject: Password\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: application/pkcs7-mime; smime-type={smime_type}; name="smime.p7m"\r\n'
        'Content-Disposition: attachment; filename="smime.p7m"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    return head.encode() + base64.encodebytes(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(signed(der(0x04, INNER)), id="der"),
        pytest.param(signed(ber(0x24, der(0x04, INNER[:50]) + der(0x04, INNER[50:])), wrap=ber), id="ber in pieces"),
    ],
)
def test_an_opaque_signature_hides_neither_words_nor_files(content: bytes) -> None:
    read = read_mail(smime(content))
    assert read.text == "Please reset my password."
    assert [item.name for item in read.attachments] == ["plan.pdf"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(signed(der(0x04, INNER), _ENVELOPED), id="encrypted"),
        pytest.param(signed(der(0x04, INNER))[:60], id="cut off"),
        pytest.param(b"\x30\x80" * 5_000, id="a nest without end"),
        pytest.param(b"\x30\x84\xff\xff\xff\xff", id="longer than it is"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_cannot_be_opened_stays_a_file(content: bytes) -> None:
    assert open_signed(content) is None
    assert [item.name for item in read_mail(smime(content, "enveloped-data")).attachments] == ["smime.p7m"]


def test_words_signed_in_the_text_lose_their_armor() -> None:
    text = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nPlease tell me how to export.\n- - as CSV\n- -- \nAda\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCAAdFiEEabc=\n=AbCd\n-----END PGP SIGNATURE-----\n"
    )
    assert read_mail(mail(text, subject="Export", reply=False)).text == "Please tell me how to export.\n- as CSV"


def test_armor_that_does_not_end_costs_no_word() -> None:
    text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nPlease tell me how to export."
    assert "Please tell me how to export." in read_mail(mail(text, subject="Export", reply=False)).text


def test_an_encrypted_mail_is_its_files() -> None:
    raw = multipart(
        "encrypted",
        [
            part("application/pgp-encrypted", "Version: 1"),
            part("application/octet-stream; name=encrypted.asc", "-----BEGIN PGP MESSAGE-----"),
        ],
        extra='; protocol="application/pgp-encrypted"',
    )
    read = read_mail(raw)
    assert read.text == ""
    assert "encrypted.asc" in [item.name for item in read.attachments]
