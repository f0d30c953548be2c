"""What a signature is wrapped around: mail signed by S/MIME (RFC 8551), words signed in the text by OpenPGP (RFC 9580).

Nothing is verified here: who wrote is what the receiving server says, and a signature that nobody checks proves
nothing.
"""

from __future__ import annotations

import re
from typing import Final

_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_SEQUENCE, _OID, _OCTETS, _OCTETS_IN_PIECES, _CONTENT = 0x30, 0x06, 0x04, 0x24, 0xA0
_DEEPEST: Final = 8
_MOST_PIECES: Final = 100_000
_BEGIN: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = "\n-----BEGIN PGP SIGNATURE-----"
_END: Final = "-----END PGP SIGNATURE-----"
_ARMOR_HEADERS: Final = re.compile(r"[ \t]*\r?\n(?:[A-Za-z][A-Za-z-]{0,30}:[^\r\n]{0,200}\r?\n){0,5}[ \t]*\r?\n")
_ESCAPED_DASH: Final = re.compile(r"^- ", re.MULTILINE)


def without_pgp_armor(text: str) -> str:
    """The signed words alone (RFC 9580, 7: a line that begins with a dash has '- ' before it)."""
    kept: list[str] = []
    position = 0
    while True:
        begin = text.find(_BEGIN, position)
        headers = _ARMOR_HEADERS.match(text, begin + len(_BEGIN)) if begin >= 0 else None
        # From the last character of the headers on: there may be no words.
        signature = text.find(_SIGNATURE, headers.end() - 1) if headers else -1
        end = text.find(_END, signature) if signature >= 0 else -1
        if headers is None or end < 0 or (begin and text[begin - 1] not in "\r\n"):
            kept.append(text[position:])
            return "".join(kept)
        words = text[headers.end() : signature].removesuffix("\r")
        kept += [text[position:begin], _ESCAPED_DASH.sub("", words)]
        position = end + len(_END)


def open_signed(content: bytes) -> bytes | None:
    """The mail inside an application/pkcs7-mime of type signed-data (RFC 5652, 5), in DER or BER; None for anything
    else: what is encrypted, compressed, or broken."""
    try:
        info = _enter(content, _SEQUENCE)
        kind, after = _take(info, 0)
        if kind != (_OID, _SIGNED_DATA):
            return None
        signed = _enter(_enter(info[after:], _CONTENT), _SEQUENCE)
        for _ in range(2):  # the version, the algorithms
            signed = signed[_take(signed, 0)[1] :]
        wrapped = _enter(signed, _SEQUENCE)
        wrapped = wrapped[_take(wrapped, 0)[1] :]
        return _octets(_enter(wrapped, _CONTENT))
    except (IndexError, ValueError):
        return None


def _enter(data: bytes, tag: int) -> bytes:
    """What the element holds that `data` begins with. Raises ValueError where it is another one."""
    (found, inside), _ = _take(data, 0)
    if found != tag:
        raise ValueError(found)
    return inside


def _take(data: bytes, start: int, depth: int = 0) -> tuple[tuple[int, bytes], int]:
    """The element at `start`, as its tag and what it holds, and where the next one begins (X.690, 8.1).

    Raises IndexError and ValueError where there is none.
    """
    tag, length = data[start], data[start + 1]
    begin = start + 2
    if length == 0x80:  # until an end that is marked
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        position = begin
        for _ in range(_MOST_PIECES):
            if data[position : position + 2] == b"\0\0":
                return (tag, data[begin:position]), position + 2
            position = _take(data, position, depth + 1)[1]
        raise ValueError("too many pieces")
    if length & 0x80:
        count = length & 0x7F
        if count > 4:
            raise ValueError("too long")
        length = int.from_bytes(data[begin : begin + count])
        begin += count
    if begin + length > len(data):
        raise ValueError("cut off")
    return (tag, data[begin : begin + length]), begin + length


def _octets(data: bytes) -> bytes:
    """An octet string, whole or in pieces."""
    (tag, inside), _ = _take(data, 0)
    if tag == _OCTETS:
        return inside
    if tag != _OCTETS_IN_PIECES:
        raise ValueError(tag)
    pieces: list[bytes] = []
    position = 0
    while position < len(inside):
        (piece_tag, piece), position = _take(inside, position)
        if piece_tag != _OCTETS or len(pieces) > _MOST_PIECES:
            raise ValueError(piece_tag)
        pieces.append(piece)
    return b"".join(pieces)
