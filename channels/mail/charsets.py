"""Bytes of a mail to text: what they say they are, and what they are when that is wrong. Nothing is lost."""

from __future__ import annotations

import codecs
import re
from typing import Final

_ALIASES: Final = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "iso-8859-1": "cp1252",  # as browsers read it (WHATWG Encoding): C1 controls are no text, curly quotes are
    "latin1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "iso-8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "euc-cn": "gb18030",
    "big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
}
_SINGLE_BYTE: Final = re.compile(r"^(?:cp125\d|cp874|iso8859|iso-8859|latin|koi8|mac|ascii|cp866|cp437|cp850)", re.I)
_KEEP: Final = "mail-keep-bytes"


def _keep_as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """A byte that its charset does not know is read as Windows-1252 has it, so that no word is lost for it."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_CP1252.get(byte, chr(byte)) for byte in bad), error.end


_CP1252: Final = {
    byte: bytes([byte]).decode("cp1252") for byte in range(0x80, 0x100) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
codecs.register_error(_KEEP, _keep_as_cp1252)


def decode_text(content: bytes, charset: str = "") -> str:
    """The text of bytes in `charset`; of bytes that are not, in what they are likely in. Never raises."""
    for mark, marked in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return content.decode(marked, errors=_KEEP).lstrip("\ufeff")
    if content.isascii() and b"\x1b" not in content and not _is_multibyte(charset):
        return content.decode("ascii")
    codec = find_codec(charset)
    if codec is None:
        return _decode_unlabelled(content)
    if _SINGLE_BYTE.match(codec):
        utf_8 = _decode_strictly(content, "utf-8")
        if utf_8 is not None:  # other text that happens to be UTF-8 is all but impossible
            return utf_8
    decoded = _decode_strictly(content, codec)
    if decoded is not None:
        return _without_controls(decoded) if codec.startswith("iso8859") else decoded
    if codec != "utf-8" and not _SINGLE_BYTE.match(codec):
        utf_8 = _decode_strictly(content, "utf-8")
        if utf_8 is not None:
            return utf_8
    if codec == "utf-8" and not _has_utf_8(content):
        return _decode_unlabelled(content)
    return content.decode(codec, errors=_KEEP)


def _without_controls(text: str) -> str:
    """What ISO 8859 has controls for, which nobody writes, are Windows' dashes and quotation marks."""
    return text.translate(_CONTROLS)


_CONTROLS: Final = {
    number: letter for number in range(0x80, 0xA0) if (letter := bytes([number]).decode("cp1252", errors="ignore"))
}


def find_codec(charset: str) -> str | None:
    """The name of Python's codec for a charset as mails name it; None for one that nobody knows."""
    name = charset.strip().strip("\"'").lower().replace("charset=", "")
    name = _ALIASES.get(name, name)
    if not name or "\0" in name or not name.isascii():
        return None
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return info.name if getattr(info, "_is_text_encoding", True) and info.name not in _NOT_OF_MAIL else None


_NOT_OF_MAIL: Final = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}


def _is_multibyte(charset: str) -> bool:
    """Whether plain ASCII bytes may mean other letters in it."""
    codec = find_codec(charset) or ""
    return codec.startswith(("utf-16", "utf-32", "utf-7", "iso2022", "hz"))


def _decode_strictly(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _has_utf_8(content: bytes) -> bool:
    """Whether most of what is beyond ASCII is UTF-8, be it with a broken piece among it."""
    good = sum(map(len, _UTF_8_CHARACTER.findall(content)))
    return good * 2 > sum(map(len, _BEYOND_ASCII.findall(content)))


_UTF_8_CHARACTER: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]+")


_KANA: Final = re.compile("[\u3041-\u30fe]")
_KANA_AT_LEAST: Final = 3


_GUESSED: Final = ["cp1251", "koi8_r", "gb18030", "big5", "cp932", "euc_jp", "cp949", "iso2022_jp", "cp1250", "cp1252",
                   "cp1253", "cp1254", "cp1255", "cp1256", "cp874"]  # fmt: skip
"""Without the Macintosh's charsets, which a guess confuses with Windows' ones."""


def _decode_unlabelled(content: bytes) -> str:
    utf_8 = _decode_strictly(content, "utf-8")
    if utf_8 is not None:
        return utf_8
    if _has_utf_8(content):
        return content.decode("utf-8", errors=_KEEP)
    japanese = _decode_strictly(content, "cp932")
    if japanese is not None and len(_KANA.findall(japanese)) >= _KANA_AT_LEAST:
        return japanese  # half of its bytes are ASCII's
    runs = _BEYOND_ASCII.findall(content)
    if sum(map(len, runs)) < 2 * len(runs):
        return content.decode("cp1252", errors=_KEEP)  # single letters among ASCII: a language of Western Europe
    from charset_normalizer import from_bytes

    guess = from_bytes(content[:20_000], cp_isolation=_GUESSED).best()
    codec = find_codec(guess.encoding) if guess is not None else None
    return content.decode(codec or "cp1252", errors=_KEEP)
