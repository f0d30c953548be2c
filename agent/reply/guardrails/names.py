"""Names of features, menus and products: a reply may use those that its sources have, on the paths that they have.

Of a reply in another language only what stands in bold, in quotes or on a path is judged: capitals mean little there.
"""

from __future__ import annotations

import re

from agent.reply.guardrails.sources import Sources, without_marks
from agent.reply.guardrails.vocabulary import NEUTRAL_WORDS, canonical, is_neutral
from agent.text.visible import folded
from agent.text.words import sentences, words

_MARKED = re.compile(r"\*\*([^*\n]{1,80})\*\*|[“\"]([^”\"\n]{1,60})[”\"]|(?<!`)`([^`\n]{1,60})`(?!`)")
_STEP_OF_PATH = re.compile(r"([\w'’&/+-]{1,40})\s{0,2}(?:>|→|›)\s{0,2}(?=([\w'’&/+-]{1,40}))")
_ARROW = re.compile("[>→›]")
_INNER = re.compile(r"(?:>|→|›)\s{0,2}([^>→›\n]{1,60}?)\s{0,2}(?=>|→|›)")
_LEADS = re.compile(
    r"\b(?:select|click|choose|tap|press|open|under|in|on|called|named|button|go to|use|the|and|then"
    r"|wahlen sie|klicken sie"
    r"|unter|offnen sie|cliquez sur|selectionnez|ouvrez|sous"
    r"|seleccione|haga clic en|abra|pulse|selecione|clique em|abra|toque)\W{0,4}$"
)
_CAPITAL = re.compile(r"(?<![\w@/.#-])[A-Z][\w'’&+]*(?:-[\w'’]+)*")
_AFTER_PAUSE = re.compile(r"[:>→›“\"(*`|/•-]\s*$|^\W*$|\d[.)]\s*$|\d\s?$")
_BEGINS = re.compile(r"(?:^|\n)\W{0,6}(?:\d[.)] ?)?$")
_EVERYBODYS_WORDS = """
    i i'm i'd i've i'll ok okay faq id url pc mac monday tuesday wednesday thursday friday saturday sunday january
    february march april may june july august september october november december english
    ui ctrl cmd alt shift enter esc tab internet hi hello dear sorry yes no kind best regards
    """
_EVERYBODYS = frozenset(_EVERYBODYS_WORDS.split())
_NAMED_BACK = re.compile(
    r"\b(?:your|not|no|cannot|nor|mention|sa(?:id|y)|wr(?:ote|ite)|told|ask|sorry|thank|hello|hi|dear|only help)\b"
    r"|n't\b|\?"
)
_SHOUTED = 4
"""A word of so many letters, all capitals, is a name also at the beginning of a sentence."""
_MOST_WORDS = 6


def unknown_path(plain: str, sources: Sources) -> str | None:
    """The first step of a path, 'Settings > Export', that no passage has; the reply without Markdown.

    Two names that a passage has apart ("open **Settings > Members** and select **Invite**") may be joined.
    """
    for line in plain.splitlines():
        if not _ARROW.search(line):
            continue
        for match in _STEP_OF_PATH.finditer(line):
            left, right = folded(match[1]), folded(match[2])
            joined = any((left, right) in text.name_steps for text in sources.articles)
            if f"{left} > {right}" not in sources.own_folded and not joined:
                return f"{match[1]} > {match[2]}"
        for match in _INNER.finditer(line):
            if folded(match[1]) not in sources.own_folded:
                return match[1]
    return None


def unknown_marked(text: str, sources: Sources) -> str | None:
    """The first name in bold, in quotes or as code that stands for something that the sources do not have."""
    for match in _MARKED.finditer(text):
        said = (match[1] or match[2] or match[3]).strip(" .,:;!?")
        parts = said.split()
        # What is to be typed is typed letter for letter, a date's form too.
        says_letters = any(char.isalpha() for char in said) or (match[3] and any(char.isdigit() for char in said))
        if ">" in said or not says_letters or len(parts) > _MOST_WORDS:
            continue
        # What the reader is told to select must stand in a passage letter for letter.
        is_led_to = said[:1].isupper() and _LEADS.search(folded(text[max(match.start() - 24, 0) : match.start()]))
        if is_led_to and not any(said in article.unmarked for article in sources.articles):
            return said
        plain = without_marks(folded(said))
        if plain in sources.own_folded or plain in sources.said.folded or plain in sources.note.folded:
            continue
        matter = [word for word in words(said) if word not in NEUTRAL_WORDS and not word[0].isdigit()]
        if match[3] or any(canonical(word) not in sources.domain | sources.heard for word in matter):
            return said
        is_name = match[1] and said[:1].isupper() and len(parts) > 1 and not _BEGINS.search(text[: match.start()][-8:])
        if is_name and not said.endswith(":") and text[match.end() : match.end() + 1] != ":":
            return said
    return None


def unknown_capital(plain: str, sources: Sources) -> str | None:
    """The first word with a capital, inside an English sentence, that no source has.

    What only the customer named may be named back, but nothing is said of it as of ours.
    """
    for sentence in sentences(plain):
        named_back = bool(_NAMED_BACK.search(sentence.lower()))
        for match in _CAPITAL.finditer(sentence):
            shouted = match[0].isupper() and len(match[0]) >= _SHOUTED
            if not shouted and _AFTER_PAUSE.search(sentence[max(match.start() - 4, 0) : match.start()]):
                continue
            for word in words(match[0]):
                base = word.removesuffix("'s")
                concept = canonical(base)
                if base in _EVERYBODYS or base in NEUTRAL_WORDS or is_neutral(concept) or concept in sources.domain:
                    continue
                if base in sources.trusted_words or (named_back and concept in sources.heard):
                    continue
                return match[0]
    return None
