"""What an invitation says, where its mail has no other text, and what a program says that answers or cancels one."""

from __future__ import annotations

import re
from typing import Final

from channels.mail.absence import body_sentences

_SHOWN: Final = ("SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION")
_FOLD: Final = re.compile(r"\r?\n[ \t]")
_EVENT: Final = re.compile(r"BEGIN:VEVENT(.*?)(?:END:VEVENT|\Z)", re.IGNORECASE | re.DOTALL)

_SAID_BY_PROGRAMS: Final = re.compile(
    r"\b(?:accept\w*|declin\w*|tentativ\w*|cancel+\w*|attend\w*|invit\w*|propos\w*|zugesagt|zusage|abgesagt|absage|"
    r"abgelehnt|angenommen|unter vorbehalt|einladung\w*|teilnehmen|accepté\w*|refusé\w*|décliné\w*|annulé\w*|"
    r"provisoire\w*|aceptad\w*|aceptó|rechazad\w*|rechazó|cancelad\w*|canceló|accettat\w*|rifiutat\w*|annullat\w*|aceit\w*|recus\w*|geaccepteerd|"
    r"geweigerd|afgewezen|geannuleerd|uitnodiging|accepterat|avböj\w*|inställ\w*|avlyst|aflyst|avvist|akseptert|godtatt|"
    r"hyväksy\w*|hylä\w*|peru\w*|zaakceptow\w*|odrzuc\w*|odwoła\w*|přija\w*|odmít\w*|zruš\w*|elfogad\w*|elutasít\w*|"
    r"принят\w*|принял\w*|отклон\w*|отмен\w*|прийня\w*|відхил\w*|скасова\w*|kabul|reddedil\w*|iptal)\b"
    r"|承諾|辞退|キャンセル|招待|接受|拒绝|拒絕|取消|수락|거절|취소",
    re.IGNORECASE,
)
_SERVICE: Final = re.compile(
    r"calendar\.google\.com|google (?:calendar|kalender|agenda)|calendar\.yahoo\.com", re.IGNORECASE
)
_FACT: Final = re.compile(r"^[^\W\d_][^:：]{0,24}[:：](?:.*\d|\s*\S*(?:\s+\S+){0,3}\s*$)|^\W*$|\d{1,2}[:.]\d\d")
"""A label with a date, a number or a few words; a time."""
_URL: Final = re.compile(r"\S{1,100}://\S+|\S{1,100}@\S+")
_LOOKED_AT: Final = 5_000
_PROGRAM_WORDS: Final = 12
_OWN_WORDS: Final = 3
_UNSPACED_OWN: Final = 6


def says_more_than(text: str, calendar: str) -> bool:
    """Whether the text beside a calendar's answer or cancellation holds words of a person's own: a question, or some
    words that are neither the event's nor what programs say of it, in about twenty languages.
    """
    text = text[:_LOOKED_AT]
    from_service = _SERVICE.search(text)
    text = _URL.sub(" ", text)
    if from_service or re.search(r"[?？؟]", text):
        return re.search(r"[?？؟]", text) is not None
    event = " ".join(invitation_text(calendar).casefold().split())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    own = [line for line in lines if line.casefold() not in event and not _FACT.search(line)]
    said = [
        each
        for each in body_sentences("\n".join(own))
        if len(each.split()) > _PROGRAM_WORDS or not _SAID_BY_PROGRAMS.search(each)
    ]
    words = re.findall(r"[^\W\d_]+", " ".join(said))
    return len(words) >= _OWN_WORDS or any(len(word) > _UNSPACED_OWN and word.upper() == word.lower() for word in words)


def invitation_text(calendar: str) -> str:
    """The first event's title, times, place and description, a line each (RFC 5545)."""
    found_event = _EVENT.search(_FOLD.sub("", calendar))
    event = found_event[1] if found_event else ""
    lines = []
    for name in _SHOWN:
        found = re.search(rf"^{name}(?:;[^:\r\n]*)?:([^\r\n]*)", event, re.MULTILINE | re.IGNORECASE)
        if found and found[1].strip():
            lines.append(re.sub(r"\\([\\;,])", r"\1", re.sub(r"\\[nN]", "\n", found[1])).strip())
    return "\n".join(lines)
