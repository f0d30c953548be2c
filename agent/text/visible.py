"""Text as a reader sees it: without characters that show nothing, and folded so that look-alikes are compared alike.

What a customer, a file name or an article says may carry letters that no one sees (Unicode tags, zero-width and
bidirectional controls: Unicode TR36 and TR39) or that look like others. `visible` is what a model is given; `folded`
is only for matching.
"""

from __future__ import annotations

import re
import unicodedata

_NOTHING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls but tab, line feed and NEL
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff]"
    # Joiners belong to words of Arabic and Indic scripts; elsewhere they only hide.
    "|(?<![\u0600-\u08ff\u0900-\u0dff\ufb50-\ufdff\ufe70-\ufefc])[\u200c\u200d]"
    "|[\u200c\u200d](?![\u0600-\u08ff\u0900-\u0dff\ufb50-\ufdff\ufe70-\ufefc])"
)
_LINES = re.compile("\r\n?|[\x85\u2028\u2029]")
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}")
# Cyrillic, Greek and other letters that are drawn like Latin ones (Unicode TR39, the part that is met in deception).
_ALIKE = str.maketrans(
    "абвгдеёзікмноѕрстухцјьһԁԛԝѵӏαβγεηικνορτυχωϲϳɑɡɩıʟɴʀⅼօսցհղոӏ’‘‛ʼ＇`´“”„‟«»‐‑‒–—―−",
    "abbrdee3ikmhospctyxujbhdqwviabyenikvoptuxwcjagiilnrloughnnl'''''''\"\"\"\"\"\"-------",
)
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:(?: |[.\-_*·•]{1,2})[^\W\d_](?![^\W_])){3,60}")
_GAPS = re.compile(r"[ .\-_*·•]")


def visible(text: str) -> str:
    """The text without what shows nothing; its lines end with line feeds."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return _NOTHING.sub("", _LINES.sub("\n", text))


def one_line(text: str, limit: int) -> str:
    """A name or a subject: visible, in one line, at most `limit` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def folded(text: str) -> str:
    """For matching only: visible, in lower case, without accents, look-alikes as the Latin letters that they imitate.

    What is written l-i-k-e t-h-i-s is joined.
    """
    if text.isascii():
        plain = visible(text).lower()
    else:
        decomposed = unicodedata.normalize("NFKD", visible(text))
        plain = "".join(char for char in decomposed if not unicodedata.combining(char)).casefold().translate(_ALIKE)
    return _SPACED.sub(lambda match: _GAPS.sub("", match[0]), plain)


def hidden_text(text: str) -> str:
    """What is written in Unicode tags, which mirror ASCII and show nothing: somebody hid it. Empty for honest text."""
    return " ".join("".join(chr(ord(char) - 0xE0000) for char in run) for run in _TAGS.findall(text))
