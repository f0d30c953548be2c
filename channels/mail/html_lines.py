"""HTML of mails to lines: what a reader sees, with the addresses of links, and how deep each line is quoted.

JustHTML reads broken markup as browsers do (the HTML Standard's parser). Which elements hold quotes is known by
client: they are listed here; nothing else is taken for a quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from channels.mail.lines import Line, Mark, clean, line_of, split_lines

if TYPE_CHECKING:
    from justhtml import Node

_LONGEST_HTML: Final = 2_000_000
_SKIPPED: Final = {"head", "style", "script", "title", "template", "noscript", "object", "svg", "math", "select",
                   "textarea", "button", "iframe", "audio", "video", "canvas", "map", "xml"}  # fmt: skip
_BLOCKS: Final = {"address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl",
                  "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
                  "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody",
                  "tfoot", "thead", "tr", "ul", "caption"}  # fmt: skip
_SPACED: Final = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "pre", "table", "blockquote"}
_QUOTE_CLASS: Final = re.compile(
    r"(?:^|\s)(?:x_|ecx|ydp\w{0,20}?)?(?:yahoo_quoted|protonmail_quote|tutanota_quote|zmail_extra|zoho_quote|front-blockquote"
    r"|hs_reply|freshdesk_quote|missive_quote|clean_bq|gmx_quote|quoted-text|quotedText|quoted_text|mailspring-quote"
    r"|AppleOriginalContents|skiff-mail-quote|reply_quote|wpm_quote|fm_quote"
    r"|ZohoMailQuote|helpscout-quote|kayako-quote|nylas-quote|cmailquote|bluemail_quote|edo-original-message)(?:\s|$)",
    re.IGNORECASE,
)
_QUOTE_ID: Final = re.compile(
    r"^(?:x_)*(?:ydp\w{0,20}?)?(?:yahoo_quoted|OLK_SRC_BODY_SECTION|mail-editor-reference-message-container|isReplyContent|"
    r"original-content|reply-intro|qt|_origbody_element|mailcontent_quote|qm_reply_quote)",
    re.IGNORECASE,
)
_QUOTE_NAME: Final = re.compile(r"^(?:quote|messageReplySection|messageReplyBody)$", re.IGNORECASE)
_BEGINS_ID: Final = re.compile(
    r"^(?:x_)*(?:divRplyFwdMsg|stopSpelling|zwchr|ms-outlook-mobile-body-separator-line|replySplit)", re.IGNORECASE
)
_BEGINS_CLASS: Final = re.compile(
    r"(?:^|\s)(?:x_)?(?:OutlookMessageHeader|BlackBerryMessageHeader)(?:\s|$)", re.IGNORECASE
)
_ATTRIBUTION_CLASS: Final = re.compile(
    r"(?:^|\s)(?:x_|ecx)?(?:gmail_attr|moz-cite-prefix|protonmail_quote_intro|quote-attribution|front-attribution"
    r"|missive_reply_header|yahoo_quoted_header)(?:\s|$)",
    re.IGNORECASE,
)
_SIGNATURE: Final = re.compile(
    r"(?:^|\s)(?:x_|ecx)?(?:gmail_signature(?:_prefix)?|moz-signature|protonmail_signature_block\S*|AppleMailSignature"
    r"|ms-outlook-mobile-signature|hs_signature|signature-container|mobile_signature|ydp\w*-?signature|"
    r"tutanota_signature"
    r"|bloop_sign\S*|mail-signature|front-signature)(?:\s|$)",
    re.IGNORECASE,
)
_SIGNATURE_ID: Final = re.compile(
    r"^(?:x_)*(?:ms-outlook-mobile-signature|AppleMailSignature|lineBreakAtBeginningOfSignature|"
    r"bloop_sign|"
    r"composer_signature|protonmail_mobile_signature_block|Signature$)",
    re.IGNORECASE,
)
_OUTLOOK_RULE: Final = re.compile(
    r"border:\s*none;\s*border-top:\s*solid\s+(?:#[0-9a-f]{3,6}|\w+)\s+1(?:\.0)?pt|"
    r"border-top-color:\s*rgb\(229, 229, 229\);\s*border-top-width:\s*1px",
    re.IGNORECASE,
)
_HIDDEN: Final = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|opacity\s*:\s*0(?:\.0*)?\s*(?:;|!|$))",
    re.IGNORECASE,
)
_NO_SIZE: Final = re.compile(r"(?:^|;)\s*font-size\s*:\s*0(?:\.0*)?(?:px|pt|em|rem|%)?\s*(?:;|!|$)", re.IGNORECASE)
_SIZE: Final = re.compile(r"(?:^|;)\s*font(?:-size)?\s*:", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\d{1,6}", re.ASCII)
_LOOKED_INTO: Final = 200
_WEB: Final = re.compile(r"^\s*https?://", re.IGNORECASE)
_RUN: Final = re.compile(r"[ \t\n\f\r\u00a0]+")


@dataclass(slots=True)
class _State:
    """What surrounds the text that comes next."""

    depth: int = 0
    mark: Mark = Mark.NONE
    preformatted: bool = False


@dataclass(slots=True)
class _Page:
    """The lines so far, and the one being written."""

    lines: list[Line] = field(default_factory=list)
    current: str = ""
    state: _State = field(default_factory=_State)
    current_state: _State = field(default_factory=_State)
    begins: bool = False
    numbers: dict[int, int] = field(default_factory=dict)
    """How many items of each ordered list were written."""
    spaced: bool = False
    """A space that does not collapse was written: alone in its paragraph it makes an empty line."""

    def write(self, text: str) -> None:
        if not self.current.strip():
            self.current_state = self.state
        self.spaced = self.spaced or "\u00a0" in text
        if not self.state.preformatted:
            text = _RUN.sub(" ", text)
            if self.current.endswith(" ") or not self.current:
                text = text.removeprefix(" ")
        self.current += text

    def end_line(self, *, always: bool = False) -> None:
        """Close the line being written; with `always` even an empty one, as <br> does."""
        text = clean(self.current).rstrip() if self.current_state.preformatted else clean(self.current).strip()
        if text or always or self.spaced:
            state = self.current_state if text else self.state
            mark = Mark.QUOTE_BEGINS if self.begins and text else state.mark
            if text:
                self.begins = False
            self.lines.append(line_of(text, state.depth, mark))
        self.current, self.spaced = "", False

    def space(self) -> None:
        """One empty line, unless there is one."""
        self.end_line()
        if self.lines and self.lines[-1].text:
            self.lines.append(Line("", self.state.depth, self.state.mark))

    def rule(self) -> None:
        self.end_line()
        self.lines.append(Line("", self.state.depth, Mark.RULE))


def lines_of_html(html: str) -> list[Line]:
    """The visible text of HTML, of its first 2 MB. What cannot be parsed is read without its tags."""
    from justhtml import JustHTML

    try:
        root = JustHTML(html[:_LONGEST_HTML], sanitize=False).root
        lines = _render(root)
    except (ValueError, RecursionError, AttributeError, TypeError, IndexError, KeyError):
        return _without_tags(html[:_LONGEST_HTML])
    return lines if any(line.text for line in lines) else _render(root, hidden_too=True)


def _render(root: Node, *, hidden_too: bool = False) -> list[Line]:
    """Walk the tree without recursion: mails nest tables a thousand deep."""
    page = _Page()
    stack: list[tuple[Any, Iterator[Any], _State]] = [(root, iter(root.children or ()), page.state)]
    while stack:
        element, children, before = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            _leave(page, element)
            page.state = before
        elif child.name == "#text":
            _write_text(page, child.data or "")
        elif _is_skipped(child, hidden_too=hidden_too):
            continue
        else:
            stack.append((child, iter(child.children or ()), page.state))
            _enter(page, child)
    page.end_line()
    return page.lines


def _write_text(page: _Page, text: str) -> None:
    if not page.state.preformatted:
        page.write(text)
        return
    first, *others = split_lines(text)
    page.write(first)
    for line in others:
        page.end_line(always=True)
        page.write(line)


def _is_skipped(element: Any, *, hidden_too: bool) -> bool:
    if element.name.startswith(("#comment", "!", "?")) or element.name in _SKIPPED:
        return True
    attributes = element.attrs or {}
    style = attributes.get("style") or ""
    hidden = "hidden" in attributes or bool(_HIDDEN.search(style)) or _has_no_size(element, style)
    return hidden and not hidden_too


def _has_no_size(element: Any, style: str) -> bool:
    """Letters of no size; not the cells around columns, in which the letters have a size of their own."""
    if not _NO_SIZE.search(style):
        return False
    waiting = list(element.children or ())
    for _ in range(_LOOKED_INTO):
        if not waiting:
            return True
        inner = waiting.pop()
        attributes = getattr(inner, "attrs", None) or {}
        if "size" in attributes or _SIZE.search(attributes.get("style") or ""):
            return False
        waiting.extend(getattr(inner, "children", None) or ())
    return False


def _enter(page: _Page, element: Any) -> None:
    name = element.name
    if name == "br":
        page.end_line(always=True)
    elif name == "hr":
        page.rule()
    elif name == "img":
        _write_picture(page, element)
    elif name in _BLOCKS:
        page.space() if name in _SPACED and not _is_tight(element) else page.end_line()
    elif name in {"td", "th"} and page.current.strip():
        page.write(" ")
    page.state = _state_in(page, element)
    if name == "li":
        page.write(_bullet(page, element))


def _leave(page: _Page, element: Any) -> None:
    name = element.name
    if name == "a":
        _write_target(page, element)
    elif name in _BLOCKS and name not in {"hr"}:
        page.end_line()
        if name in _SPACED and not _is_tight(element):
            page.space()


def _state_in(page: _Page, element: Any) -> _State:
    before = page.state
    attributes = element.attrs or {}
    classes, ident = attributes.get("class") or "", attributes.get("id") or ""
    depth, mark = before.depth, before.mark
    if _holds_quote(attributes, classes, ident):
        depth, mark = depth + 1, Mark.QUOTED
    elif element.name == "blockquote":
        depth += 1
    if mark is not Mark.QUOTED:
        mark = _own_mark(attributes, classes, ident) or mark
    if _BEGINS_ID.search(ident) or _BEGINS_CLASS.search(classes) or attributes.get("data-marker") == "__DIVIDER__":
        page.begins = True
    elif _OUTLOOK_RULE.search(attributes.get("style") or ""):
        page.rule()
    preformatted = before.preformatted or element.name == "pre"
    return _State(depth, mark, preformatted)


def _own_mark(attributes: dict[str, str | None], classes: str, ident: str) -> Mark | None:
    if _ATTRIBUTION_CLASS.search(classes):
        return Mark.ATTRIBUTION
    stated = (
        attributes.get("data-smartmail") == "gmail_signature" or attributes.get("name") == "messageSignatureSection"
    )
    return Mark.SIGNATURE if stated or _SIGNATURE.search(classes) or _SIGNATURE_ID.search(ident) else None


def _holds_quote(attributes: dict[str, str | None], classes: str, ident: str) -> bool:
    # Gmail's <div class="gmail_quote"> also wraps what is written under a quote: there only the blockquote counts.
    return bool(
        _QUOTE_CLASS.search(classes)
        or (ident and _QUOTE_ID.search(ident))
        or _QUOTE_NAME.search(attributes.get("name") or "")
        or attributes.get("data-marker") == "__QUOTED_TEXT__"
        or attributes.get("type") == "cite"
    )


def _is_tight(element: Any) -> bool:
    """A paragraph that its client writes for a line: Outlook's, and one whose style takes its margin away."""
    attributes = element.attrs or {}
    style = (attributes.get("style") or "").replace(" ", "").lower()
    no_margin = re.search(r"(?:^|;)margin(?:-bottom)?:0(?:p[xt]|in|cm|em)?(?:[;0 ]|$)", style) is not None
    return element.name != "table" and ("Mso" in (attributes.get("class") or "") or no_margin)


def _bullet(page: _Page, element: Any) -> str:
    parent = element.parent
    if parent is None or parent.name != "ol":
        return "- "
    start = str((parent.attrs or {}).get("start") or "1")
    before = page.numbers.get(id(parent), int(start) - 1 if _NUMBER.fullmatch(start) else 0)
    page.numbers[id(parent)] = number = before + 1
    return f"{number}. "


def _write_target(page: _Page, element: Any) -> None:
    """The address of a link, where its words do not say it."""
    target = " ".join(((element.attrs or {}).get("href") or "").split())
    words = " ".join(element.to_text(separator="").split()) if len(element.children) < 50 else ""
    if _WEB.match(target):
        if _bare(target) not in {_bare(words), ""}:
            page.write(f" ({target})" if words else target)
    elif target.lower().startswith("mailto:"):
        address = target[7:].split("?")[0]
        if address and address.lower() not in words.lower():
            page.write(f" ({address})" if words else address)


def _bare(address: str) -> str:
    return re.sub(r"^https?://(?:www\.)?", "", address.strip().lower()).rstrip("/")


def _write_picture(page: _Page, element: Any) -> None:
    """Emoji come as pictures with their letter for an alternative; other pictures are no words."""
    words = ((element.attrs or {}).get("alt") or "").strip()
    if words and len(words) <= 8 and not words.isascii() and not any(letter.isalpha() for letter in words):
        page.write(words)


def _without_tags(html: str) -> list[Line]:
    from html import unescape

    text = re.sub(r"<(?:br|/p|/div|/tr|/li)\b[^<>]*>", "\n", html, flags=re.IGNORECASE)
    text = unescape(re.sub(r"<[^<>]*>", " ", text))
    return [line_of(clean(line).strip()) for line in split_lines(text)]
