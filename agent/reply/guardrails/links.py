"""Addresses: of pages, mailboxes and telephones. Only those of our articles and the customer's own may be written.

What is written so that a pattern does not see it ("evil dot com", "evil[.]com", "name (at) evil.com") is read as meant.
"""

from __future__ import annotations

import re

# Endings that are written in sentences as domains and hardly as anything else; file names end otherwise.
_ENDINGS = (
    "com|org|net|edu|gov|mil|int|info|biz|io|co|ai|app|dev|me|tv|ly|to|gg|xyz|online|site|shop|store|cloud|tech|top"
    "|click|link"
    "|live|life|page|club|vip|icu|pro|world|chat|pub|run|sh|so|us|uk|de|fr|es|pt|it|nl|eu|ch"
    "|at|be|pl|se|no|dk|fi|ru|ua|tr|in|pk|cn|jp|kr|br|mx|ar|cl|ca|au|nz|za|ng|ke|sa|ae|eg|il|ir|id|my|sg|hk|tw|vn"
    "|th|test"
    "|example|invalid|localhost|onion"
)
_HOST = rf"(?:[a-z0-9_](?:[a-z0-9_-]{{0,61}})\.){{1,5}}(?:{_ENDINGS})(?![\w-])"
_WEB = re.compile(
    rf"\b(?:[a-z][a-z0-9+.-]{{1,15}}://|(?:javascript|data|file|tel|sms|vbscript):(?=\S)"
    rf"|(?<![\w.])www\.)[^\s<>()\[\]\"'|]{{1,600}}"
    rf"|(?<![\w.@-]){_HOST}(?:[:/?#][^\s<>()\[\]\"'|]{{0,600}})?"
)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_DIALLED = r"(?<![\w.,:/-])(?:(?:\+|00)\d(?:[ ()./-]{0,2}\d){6,16}|\d{2,5}(?:[ ()/-]{1,2}\d{2,6}){2,5})(?![\w-])"
_PHONE = re.compile(
    rf"{_DIALLED}|\b(?:call|phone|tel\.?|dial|ring|text|sms|whatsapp|fax)\b\D{{0,25}}\d(?:[ ()./-]{{0,2}}\d){{5,16}}"
)
_TARGET = re.compile(
    r"\]\([ \t]*<?([^\s)>]{1,700})|\bsrc[ \t]*=[ \t]*[\"']?([^\s\"'>]{1,700})"
    r"|\bhref[ \t]*=[ \t]*[\"']?([^\s\"'>]{1,700})",
    re.I,
)
_DOT = re.compile(
    rf"\s?[\[({{]\s?(?:\.|dot|punkt|point|punto|ponto)\s?[\])}}]\s?|(?<=\w)\s(?:dot"
    rf"|punkt)\s(?=(?:\w{{1,40}}\s(?:dot|punkt)\s)?(?:{_ENDINGS})\b)"
)
_AT = re.compile(r"\s?[\[({]\s?(?:@|at)\s?[\])}]\s?")
_DISGUISED = ("(", "[", "{", " dot ", " punkt ", "://", "hxx")
_MAY_ADDRESS = re.compile(r"\w[.:](?=[\w/*])|@|\]\(|src|href")
_MAY_CALL = re.compile(r"\d(?:[ ()./-]{0,2}\d){4}")
_SCHEME = re.compile(r"\bh(?:xx|tt)ps?\s?(?::|\[:\]|\(:\))\s?//\s?")
_ORIGIN = re.compile(r"^(?:https?://)?(?:www\.)?")


def as_meant(text: str) -> str:
    """A folded text with its disguised addresses as they are meant."""
    if not any(sign in text for sign in _DISGUISED):
        return text
    text = _SCHEME.sub("https://", text)
    return _AT.sub("@", _DOT.sub(".", text))


def pages_in(text: str) -> list[str]:
    """Every address of a page in a folded text, also where Markdown or HTML hides it behind words or a picture."""
    spoken = as_meant(text)
    if not _MAY_ADDRESS.search(spoken):
        return []
    found = [match[0] for match in _WEB.finditer(_MAIL.sub(" ", spoken) if "@" in spoken else spoken)]
    if any(sign in text for sign in ("](", "src", "href")):
        targets = [target for match in _TARGET.finditer(text) for target in match.groups() if target]
        found += [target for target in targets if not target.startswith("#")]
    return [address for address in dict.fromkeys(found) if plain_page(address)]


def mailboxes_in(text: str) -> list[str]:
    spoken = as_meant(text)
    return [match[0].rstrip(".") for match in _MAIL.finditer(spoken)] if "@" in spoken else []


def phones_in(text: str) -> list[str]:
    """Telephone numbers as their digits."""
    if not _MAY_CALL.search(text):
        return []
    return ["".join(re.findall(r"\d", match[0])) for match in _PHONE.finditer(text)]


def plain_page(address: str) -> str:
    """To compare by: without scheme, 'www.' and what ends a sentence."""
    return _ORIGIN.sub("", address.rstrip(".,;:!?)*_/…"))


def without_addresses(text: str) -> str:
    """The text with blanks where addresses stand, so that their numbers are not read as figures."""
    if not _MAY_ADDRESS.search(text):
        return text
    for pattern in (_WEB, _MAIL):
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return text
