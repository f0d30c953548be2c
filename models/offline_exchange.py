"""What a message is in its conversation, before any article is looked at: a yes to what we offered, a report that our
answer did not help, a question about the ticket."""

from __future__ import annotations

import re

from agent.text.words import content_words
from models.offline_input import Seen

_TERSE_WORDS = 8

_TICKET = re.compile(
    r"\b(?:status|progress|update|news|number|id|reference)\b.{0,30}\b(?:ticket|request|case|enquiry|inquiry)\b"
    r"|\b(?:ticket|request|case)(?:'s)? (?:status|number|id|reference)\b",
    re.IGNORECASE,
)
_DID_NOT_HELP = re.compile(
    r"\b(?:(?:did|does|do|is)(?:n['’]?t| not)|still not|not) (?:work(?:ing|ed)?"
    r"|help(?:ed|ing|ful)?|solve[d]?|fix(?:ed)?)\b"
    r"|\b(?:still|again) (?:the same|broken|failing|stuck|not|can(?:'|no)t)\b|\bsame (?:problem|issue|error)\b"
    r"|\balready (?:tried|did|done)\b",
    re.IGNORECASE,
)
_CORRECTS = re.compile(
    r"^\W*(?:(?:no|nope|sorry|well|actually|hm+)\W+)*(?:(?:what )?(?:i|we) (?:actually |really )?mean[ts]?\b"
    r"|(?:that|this|it)(?:['’]?s| is| was) ?n[o'’]t (?:at all )?(?:what|it\b|my question|the question|about)"
    r"|(?:i|we) (?:did ?n['’]?t|did not|was ?n['’]?t|was not) (?:mean|ask(?:ing)?|talking)\b"
    r"|not (?:that|those|this)\b)",
    re.IGNORECASE,
)
_OFFERS_A_PERSON = re.compile(
    r"\b(?:like|want|prefer|ask for|connect you (?:to|with)|(?:hand|pass) (?:this|it|you) (?:over |on )?to)"
    r" (?:for )?(?:a|an|one of our|our|someone|somebody|my) ?"
    r"(?:person|human|colleagues?|agent|specialist|team|real|from|else|member)\b",
    re.IGNORECASE,
)
_AGREES = re.compile(
    r"^\W*(?:yes|yep|yeah|yup|please|go ahead|(?:i|we)(?:'d| would) (?:like|love|want) (?:that|to)"
    r"|that(?:'d| would| will) be (?:good|great|nice|helpful|lovely|perfect|fine)|do (?:that|it|so)|sounds good)\b"
    r"(?:[\s,.!]+(?:yes|please|pls|plz|do|thanks?|thank you|(?:i|we) (?:would|do)|that|it|would|will|be|so|like|good"
    r"|great|nice|helpful|lovely|perfect|fine|a|an|person|human))*\W*$",
    re.IGNORECASE,
)
_FOUND_NOTHING = re.compile(
    r"\bfound (?:nothing|no (?:answer|article))\b|\b(?:could|can|did)(?:n['’]?t| not) find\b|\bno article\b",
    re.IGNORECASE,
)
_ASKS_HOW = re.compile(r"\bhow (?:do|can|to)\b", re.IGNORECASE)


def accepts_a_person(seen: Seen) -> bool:
    """Whether our last message in this conversation offered a person, and this one says yes and no more."""
    ours = _our_messages(seen)
    return bool(_AGREES.match(seen.text) and ours and _OFFERS_A_PERSON.search(ours[-1]))


def says_that_it_did_not_help(seen: Seen) -> bool:
    short = len(content_words(seen.text)) <= _TERSE_WORDS
    return short and bool(_DID_NOT_HELP.search(seen.text) and _our_messages(seen))


def asks_about_the_ticket(seen: Seen) -> bool:
    return bool(_TICKET.search(seen.text) and seen.ticket) and not asks_how(seen.text)


def was_asked_back(seen: Seen) -> bool:
    """Whether our last message in this conversation asked something, so that this one may answer it."""
    ours = _our_messages(seen)
    return bool(ours) and ("?" in ours[-1] or bool(_OFFERS_A_PERSON.search(ours[-1])))


def names_again(seen: Seen) -> set[str]:
    """The content words of this message that the customer wrote before too, where we answered that we found nothing.

    Who is asked for other words and says one again has no other for it: it is what they mean.
    """
    ours = _our_messages(seen)
    if not ours or not _FOUND_NOTHING.search(ours[-1]):
        return set()
    theirs = [m for m in seen.history if m.get("author") == "customer" and m.get("this_conversation")]
    before = {word for message in theirs for word in content_words(str(message.get("text", "")))}
    return before & set(content_words(seen.text))


def corrects_us(seen: Seen) -> bool:
    """Whether this message says what was meant, because our last one in this conversation answered something else."""
    return bool(_CORRECTS.match(seen.text) and _our_messages(seen))


def asks_how(text: str) -> bool:
    return bool(_ASKS_HOW.search(text))


def _our_messages(seen: Seen) -> list[str]:
    return [str(m.get("text", "")) for m in seen.history if m.get("author") == "fte" and m.get("this_conversation")]
