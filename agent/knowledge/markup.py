"""Markdown without what only a web page needs: MDX code, components, HTML, images, links into the same site.

Code, fenced or in backticks, is never touched.
"""

from __future__ import annotations

import html
import re

_CODE = re.compile(
    r"(?P<fence>^[ \t]*(?P<ticks>`{3,}|~{3,})[^\n]*\n(?:.*?^[ \t]*(?P=ticks)[`~]*[ \t]*$|.*\Z))"
    r"|(?P<inline>(?<!`)(?P<quote>`+)(?!`)[^\n]+?(?<!`)(?P=quote)(?!`))",
    re.MULTILINE | re.DOTALL,
)
_DROPPED = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|\{/\*.*?\*/\}"
    r"|<(script|style|svg)\b.*?</\1\s*>"
    r"|^import\s+(?:[^\n;]*?\sfrom\s+)?['\"][^'\"\n]+['\"];?[ \t]*$"
    r"|^import\s+[\w*\s,]*\{[^}]*\}\s*from\s+['\"][^'\"\n]+['\"];?[ \t]*$"
    r"|^export\s+(?:default|const|let|var|function)\b.*?(?:\n[ \t]*\n|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_HTML_NAMES = (
    "a|abbr|article|aside|audio|b|big|blockquote|br|button|caption|center|cite|code|col|colgroup|dd|del|details|dfn"
    "|div|dl|dt|em|figcaption|figure|font|footer|h[1-6]|header|hr|i|iframe|img|input|ins|kbd|label|li|main|mark|nav"
    "|ol|p|picture|pre|q|s|section|small|source|span|strike|strong|sub|summary|sup|table|tbody|td|template|tfoot|th"
    "|thead|tr|tt|u|ul|var|video"
)
# A component's name has a capital; `<project-id>` in a text is a placeholder and stays.
_ATTRIBUTES = r"(?:[^<>\"'{}]|\"[^\"]*\"|'[^']*'|\{(?:[^{}]|\{[^{}]*\})*\})*"
_TAG = re.compile(
    rf"</?(?:(?P<component>[A-Z][\w.]*)|(?i:{_HTML_NAMES}))(?P<attributes>(?=[\s/>]){_ATTRIBUTES})/?>|</?>"
)
_LABEL = re.compile(r"""\b(?:title|label|header|question)=(?:"([^"]+)"|'([^']+)'|\{\s*["'`]([^"'`]+)["'`]\s*\})""")
_LINE_BREAKING = re.compile(r"</?(?:br|p|div|li|tr|td|th|h[1-6]|summary|dt|dd)\b", re.IGNORECASE)
_IMAGE = re.compile(r"!\[[^\]\n]*\](?:\((?:[^()\n]|\([^()\n]*\))*\)|\[[^\]\n]*\])")
_LINK = re.compile(r"\[((?:[^\[\]\n]|\[[^\[\]\n]*\])+)\]\((?!\s*<?https?://)(?:[^()\n]|\([^()\n]*\))*\)")
_ADMONITION = re.compile(r"^[ \t]*:{3,}(?:[ \t]*\{?[\w-]+\}?)?[ \t]*(.*)$", re.MULTILINE)
_ANCHOR = re.compile(r"[ \t]*\{#[\w-]+\}[ \t]*$", re.MULTILINE)
_TABLE_RULE = re.compile(r"(?<=[|:\s])-{4,}(?=[|:\s])")
_TABLE_PADDING = re.compile(r"(?<=\S)[ \t]{2,}(?=\|)")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")
_LINK_ANY = re.compile(r"\[([^\[\]]+)\](?:\([^)]*\)|\[[^\]]*\])")
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3}|`+)(.+?)\1")
_HIDDEN = re.compile("\x02(\\d+)\x03")


def plain_text(markdown: str) -> str:
    """The text as Markdown that reads well in a mail: no HTML, no components, no images."""
    codes: list[str] = []

    def hide(match: re.Match[str]) -> str:
        codes.append(match[0])
        return f"\x02{len(codes) - 1}\x03"

    hidden = _CODE.sub(hide, markdown.replace("\x02", "").replace("\x03", ""))
    cleaned = _HIDDEN.sub(lambda match: codes[int(match[1])], _clean(hidden))
    return _BLANK_LINES.sub("\n\n", cleaned).strip("\n")


def heading_text(markdown: str) -> str:
    """A heading as plain words."""
    text = _LINK_ANY.sub(r"\1", plain_text(markdown))
    return " ".join(_EMPHASIS.sub(r"\2", text).split())


def _clean(text: str) -> str:
    text = _DROPPED.sub("", text)
    text = _IMAGE.sub("", text)
    text = _TAG.sub(_from_tag, text)
    text = _LINK.sub(r"\1", text)
    text = _ADMONITION.sub(r"\1", text)
    text = _ANCHOR.sub("", text)
    # A model counts every dash of a table's rule as a word.
    text = _TABLE_PADDING.sub(" ", _TABLE_RULE.sub("---", text))
    return html.unescape(text).replace("\xa0", " ")


def _from_tag(match: re.Match[str]) -> str:
    """What a tag leaves behind: a component's visible label, or the line break that it made."""
    if match["component"]:
        labels = [next(filter(None, groups)) for groups in _LABEL.findall(match["attributes"] or "")]
        return f"\n\n**{' '.join(labels)}**\n\n" if labels else ""
    return "\n" if _LINE_BREAKING.match(match[0]) else ""
