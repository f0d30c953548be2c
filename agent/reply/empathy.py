"""A sentence that takes a customer's trouble seriously, before the facts."""

from __future__ import annotations

import re

from agent.records import Channel
from agent.text.language import is_english, language_of
from agent.text.visible import folded

UPSET = -0.3
"""Below this sentiment a reply begins with it: where the policy's own count of upset exchanges begins too."""
_SENTENCES = {
    "en": ("I am sorry that this is giving you trouble.", "Sorry about the trouble!"),
    "de": ("Es tut mir leid, dass Sie damit Ärger haben.", "Tut mir leid, dass das Ärger macht!"),
    "fr": ("Je suis désolé que cela vous cause des difficultés.", "Désolé pour ce souci !"),
    "es": ("Lamento que esto le esté causando problemas.", "¡Siento las molestias!"),
    "pt": ("Lamento que isto lhe esteja a causar problemas.", "Lamento o incómodo!"),
    "ar": ("يؤسفني أن هذا يسبب لك صعوبة.", "نأسف لهذا الإزعاج!"),
}
_SAID = re.compile(
    r"\b(?:sorry|apolog\w+|understand (?:how|that|your|why)|frustrat\w+|must be|inconvenience|tut (?:mir"
    r"|uns) (?:sehr )?leid"
    r"|entschuldig\w*|bedau\w+|verstehe|desole\w*|excus\w+|navre\w*|comprends|lament\w+|siento|disculp\w+|entiendo"
    r"|sinto|desculp\w+"
    r"|entendo)|اسف|يؤسف|يوسف|نعتذر|اعتذر|اتفهم"
)
_OPENING_CHARS = 240


def with_empathy(text: str, channel: Channel) -> str:
    """The text with such a sentence first, in its own language, unless it begins with one; a draft in Markdown.

    In a language for which we have no sentence the text stays as it is: the model was told to write one.
    """
    if _SAID.search(folded(text[:_OPENING_CHARS])):
        return text
    language = language_of(text) or ("en" if is_english(text) else "")
    if language not in _SENTENCES:
        return text
    return f"{_SENTENCES[language][channel is Channel.WHATSAPP]}\n\n{text}"
