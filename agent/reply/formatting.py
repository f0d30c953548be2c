"""A reply in its channel's manner: greeting, body, the article it came from, closing, ticket, within the limit.

What is over the limit is left out by whole sentences or steps from the end, and the reader is pointed to the
article: nothing ends in mid-sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.article_pages import section_address
from agent.records import Channel, Passage, TurnContext
from agent.reply.brand import Brand
from agent.text.words import sentences

EMAIL_WORDS = 500
WEB_FORM_WORDS = 300
WHATSAPP_CHARS = 300

_CODE_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})(?:[ \t]*[\w#.+-]{0,20}[ \t]*$)?", re.MULTILINE)
"""With the name of a language after it; what else stands on its line is said to the reader."""
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([ \t]*<?([^()\s<>]{0,500})>?(?:[ \t]+\"[^\"\n]{0,200}\")?[ \t]*\)")
_EMPHASIS = re.compile(r"(?<![\w*_])(\*{1,3}|_{1,3})(?=\S)(.{1,500}?)(?<=\S)\1(?![\w*_])")
_CODE_OR_TAG = re.compile(r"`+([^`\n]+)`+|</?[a-zA-Z][^<>]{0,200}>")
_BULLET = re.compile(r"^([ \t]*)[*+•-][ \t]+", re.MULTILINE)
_STEP = re.compile(r"^([ \t]*)(\d{1,2})[.)][ \t]+", re.MULTILINE)
_QUOTE = re.compile(r"^ {0,3}>[ \t]?", re.MULTILINE)
_TABLE = re.compile(r"(?:^[ \t]*\|.*$\n?)+", re.MULTILINE)
_TABLE_RULE = re.compile(r"^[\s|:-]*-[\s|:-]*$")
_NAME = re.compile(r"^[^\W\d_](?:[^\W\d_]|['’-]){0,29}$")
_OF_THIS_MACHINE = re.compile(r"https?://(?:127\.|localhost\b|\[::1\]|0\.0\.0\.0)")
_LINE_ITEM = re.compile(r"^\s*(?:\d{1,2}\.|-)\s")


@dataclass(frozen=True, slots=True)
class _Frame:
    """What surrounds a body: the lines before and after it."""

    before: str
    after: str

    def around(self, body: str) -> str:
        return "\n\n".join(part for part in (self.before, body, self.after) if part)


def format_reply(body: str, context: TurnContext, brand: Brand, cited: Sequence[Passage]) -> str:
    """The text that the customer gets. `cited` holds the passages of the cited articles, the main one first."""
    text = without_markdown(body, links=context.channel is not Channel.WHATSAPP)
    match context.channel:
        case Channel.WHATSAPP:
            return _whatsapp(text, context, brand, cited)
        case Channel.EMAIL:
            return _letter(text, _email_frame(context, brand, cited), EMAIL_WORDS)
        case Channel.WEB_FORM:
            return _letter(text, _web_form_frame(context, brand, cited), WEB_FORM_WORDS)


def without_markdown(text: str, *, links: bool) -> str:
    """Plain text that keeps its steps, lists and paragraphs. A link becomes its words, and its address with `links`."""
    text = _CODE_FENCE.sub("", text)
    text = _LINK.sub(lambda match: _link_text(match, links), text)
    text = _HEADING.sub(lambda match: match[1] if match[1].endswith((":", "?", ".")) else f"{match[1]}:", text)
    text = _TABLE.sub(_table_lines, text)
    text = _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", text))
    text = _CODE_OR_TAG.sub(lambda match: match[1] or "", _QUOTE.sub("", text))  # `<token>` in code is no tag
    text = _BULLET.sub(r"\1- ", text)
    text = _STEP.sub(r"\1\2. ", text)
    lines = [line.rstrip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def shortened(text: str, room: int, measure: str) -> tuple[str, bool]:
    """The text, or its first whole lines and sentences within `room` words or chars; and whether all is there."""
    if _size(text, measure) <= room:
        return text, True
    kept: list[str] = []
    for line in text.split("\n"):
        candidate = "\n".join([*kept, line])
        if _size(candidate, measure) <= room:
            kept.append(line)
            continue
        if not _LINE_ITEM.match(line):
            part = ""
            for sentence in sentences(line):
                longer = f"{part} {sentence}".strip()
                if _size("\n".join([*kept, longer]), measure) > room:
                    break
                part = longer
            if part:
                kept.append(part)
        break
    while kept and (not kept[-1].strip() or kept[-1].rstrip().endswith(":")):
        kept.pop()  # a heading or 'follow these steps:' with nothing under it
    return "\n".join(kept).strip(), False


def _letter(body: str, frame: _Frame, limit_words: int) -> str:
    room = limit_words - len(frame.around("").split())
    text, _ = shortened(body, room, "words")
    return frame.around(text)


def _email_frame(context: TurnContext, brand: Brand, cited: Sequence[Passage]) -> _Frame:
    after = (
        _sources(cited, Channel.EMAIL),
        _signed(brand, Channel.EMAIL),
        f"Ticket reference: {context.ticket.ticket_id}",
    )
    return _Frame(_greeting(brand, context), "\n\n".join(part for part in after if part))


def _web_form_frame(context: TurnContext, brand: Brand, cited: Sequence[Passage]) -> _Frame:
    after = (_sources(cited, Channel.WEB_FORM), _signed(brand, Channel.WEB_FORM))
    return _Frame(_greeting(brand, context), "\n\n".join(part for part in after if part))


def _signed(brand: Brand, channel: Channel) -> str:
    return f"{brand.closing.on(channel)}\n{brand.signature.on(channel)}".strip()


def _whatsapp(body: str, context: TurnContext, brand: Brand, cited: Sequence[Passage]) -> str:
    """One message of at most 300 characters: the greeting and the source only where they leave room."""
    body = re.sub(r"\n{2,}", "\n", body)
    first = not any(message.conversation_id == context.conversation_id for message in context.history)
    greeting = _greeting(brand, context) if first else ""
    named, brief = _brief_sources(cited)
    for before, after in ((greeting, named), ("", named), ("", brief), ("", "")):
        frame = "\n".join(part for part in (before, after) if part)
        text, whole = shortened(body, WHATSAPP_CHARS - len(frame) - 2, "chars")
        # What is cut short points to the article, in as few letters as can be.
        if whole or (not before and after == brief and text):
            return "\n".join(part for part in (before, text, after) if part)
    return _cut_at_word(body, WHATSAPP_CHARS)


def _brief_sources(cited: Sequence[Passage]) -> tuple[str, str]:
    """The main article by its title and address, and by the shorter of the two; a link alone says enough there.

    The address is the article's and not its section's, which would take letters from the answer.
    """
    if not cited:
        return "", ""
    title, url = f"More: “{cited[0].title}”", "" if _OF_THIS_MACHINE.match(cited[0].url) else cited[0].url
    return (f"{title} {url}", f"More: {url}") if url else (title, title)


def _greeting(brand: Brand, context: TurnContext) -> str:
    template = brand.greeting.on(context.channel)
    name = first_name(context.customer_name)
    if name:
        return template.replace("{name}", name)
    return brand.greeting_without_name.on(context.channel) or re.sub(r"\s*\{name\}", "", template)


def first_name(name: str) -> str:
    """What to call a customer; empty for what is no plain name, since a name is whatever somebody typed."""
    first = name.strip().split(" ")[0] if name.strip() else ""
    return first if _NAME.match(first) else ""


def _sources(cited: Sequence[Passage], channel: Channel) -> str:
    """'From our help article “Title” (address)', each article once; the address leads to the section that answers.

    What only this machine can open is for the form, which is on it; a mail is read elsewhere.
    """
    addresses = {p.slug: section_address(p) for p in cited}
    if channel is not Channel.WEB_FORM:
        addresses = {slug: "" if _OF_THIS_MACHINE.match(url) else url for slug, url in addresses.items()}
    names = list(dict.fromkeys(f"“{p.title}”{f' ({addresses[p.slug]})' if addresses[p.slug] else ''}" for p in cited))
    if not names:
        return ""
    noun = "article" if len(names) == 1 else "articles"
    return f"From our help {noun} {' and '.join(names)}."


def _link_text(match: re.Match[str], links: bool) -> str:
    label, target = match[1].strip(), match[2]
    if links and target.startswith(("http://", "https://")) and target != label:
        return f"{label} ({target})" if label else target
    return label


def _table_lines(match: re.Match[str]) -> str:
    """'| Plan | Storage |' over '| Free | 500 MB |' becomes '- Free: Storage 500 MB'."""
    lines = match[0].splitlines()
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    headed = len(lines) > 2 and bool(_TABLE_RULE.match(lines[1]))
    names = rows[0][1:] if headed else []
    items = []
    for line, row in zip(lines[2:] if headed else lines, rows[2:] if headed else rows, strict=True):
        if _TABLE_RULE.match(line) or not any(row):
            continue
        named = [f"{name} {cell}".strip() for name, cell in zip(names, row[1:], strict=False) if cell] or row[1:]
        items.append(f"- {row[0]}: {', '.join(named)}" if named else f"- {row[0]}")
    return "\n".join(items) + "\n"


def _size(text: str, measure: str) -> int:
    return len(text.split()) if measure == "words" else len(text)


def _cut_at_word(text: str, limit: int) -> str:
    """For a single sentence that alone is over the limit: the last resort, and visibly so."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
