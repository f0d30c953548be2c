"""A message as the policy reads it: its own sentences, in one spelling."""

from __future__ import annotations

import re
import unicodedata

MAX_PARTS = 16

_SENTENCE_END = re.compile(r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<=[.!?…;])\s+")
# Where one wish ends and another begins within a sentence: "how do I add a checklist, and what would we pay for ten?"
_NEXT_WISH = re.compile(
    r"(?:[,;]\s+|\s+[-–—]\s*|\s+)(?:and (?:also )?|oh and |also,? |plus |but )+"
    r"(?=(?:what|how|where|when|who|which|why|can|could|would|do|does|please|pls"
    r"|(?:i|we)(?:'d| would| want| need|'m| am|'re| are| see| cannot| can't| was| were)|you)\b)"
    r"|\s+(?=(?:\d|q\d)\)\s)|\s+(?=[2-9][.:]?\s+(?:how|what|where|when|who|which|why|can|could|please|pls|i|we)\b)",
    re.IGNORECASE,
)
_LEAST_WISH = 4
_LEAST_NUMBERED = 3
_LATIN_END = "\u0250"
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})  # fmt: skip
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"\w+")


def normalise(sentence: str) -> str:
    """Lower case, straight quotes and single spaces: what patterns are written for."""
    return _SPACES.sub(" ", sentence.translate(_STRAIGHT)).strip().lower()


def without_accents(sentence: str) -> str:
    """Latin letters without their accents, and the rest as it is: 'Kündigung schließen' is 'kundigung schliessen'.

    Signs of other scripts are letters of their own, and stay.
    """
    if sentence.isascii():
        return sentence
    plain = (unicodedata.normalize("NFD", char)[0] if char < _LATIN_END else char for char in sentence)
    return "".join(plain).replace("ß", "ss").replace("ı", "i").replace("ł", "l")


def split_sentences(text: str) -> list[str]:
    """The customer's sentences in order, as written, without quoted lines. A line break ends a sentence."""
    own = [line for line in text.splitlines() if not line.lstrip().startswith(">")]
    return [part.strip() for line in own for part in _SENTENCE_END.split(line) if _WORD.search(part)]


def split_parts(text: str) -> tuple[str, ...]:
    """What of a message of several sentences is worth judging apart, at most MAX_PARTS, in order.

    A sentence of several wishes is as many parts. A message of one wish has none: its own vector says all. Very short
    parts say too little alone and join the one before; beyond the limit neighbours are joined, so that nothing goes
    unread.
    """
    joined: list[str] = []
    for wish in (wish for sentence in split_sentences(text) for wish in _split_wishes(sentence)):
        if joined and len(_WORD.findall(wish)) < 3:
            joined[-1] += f" {wish}"
        else:
            joined.append(wish)
    if len(joined) < 2:
        return ()
    size = -(-len(joined) // MAX_PARTS)
    return tuple(" ".join(joined[start : start + size]) for start in range(0, len(joined), size))


def _split_wishes(sentence: str) -> list[str]:
    """The wishes that a sentence strings together, each of a few words at least, or numbered."""
    wishes: list[str] = []
    start = 0
    for gap in _NEXT_WISH.finditer(sentence):
        before, after = sentence[start : gap.start()], sentence[gap.end() :]
        least = _LEAST_NUMBERED if after[:1].isdigit() else _LEAST_WISH
        if min(len(_WORD.findall(before)), len(_WORD.findall(after))) >= least:
            wishes.append(before)
            start = gap.end()
    return [*wishes, sentence[start:]]
