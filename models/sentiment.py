"""How upset a customer is, by a lexicon: VADER with negation, intensifiers and capitals, fitted to support mail.

VADER was made for social media (Hutto and Gilbert, ICWSM 2014). In support, 'error', 'critical' and 'kill the
timer' are the matter and not a mood, 'please help' is no delight, and 'third time I ask' is anger without one
negative word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from models.irony import praises_a_fault
from models.sentiment_elsewhere import ANGRY_ELSEWHERE, is_angry_elsewhere
from models.sentiment_grievances import BROKEN_WORD
from models.sentiment_lexicon import FEELINGS, MATTER, PHRASES, STRONG, VALENCES

_COMPLAINING = -0.2
# A negative word that names what happened, not a feeling: two of them do not make a message upset.
_EVENT_VALENCE = -0.5
_HOW_TO_WEIGHT = 0.4
_SHOUTING_WEIGHT = 1.4
_KINDNESS_WEIGHT = 0.25
# What praise of a fault counts for, whatever else is praised beside it.
_IRONIC = -0.5
_BROKEN_WORD = -0.4
_REPEATED_ANGER = 0.05
# A text of megabytes has its mood in its first pages.
_MAX_CHARS = 20_000
_MAX_SENTENCE = 1_000
# VADER lets a negation reach three words far, across a comma too. It ends with its clause ("did nothing, I'm furious"),
# and a turn of phrase has its own inside: "my board won't load and nobody cares".
_SHIELD = "qqs qqs qqs"

_CLAUSE_END = re.compile(r"(?<=[,;:])\s+|\s+[-–—]+\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
_MANNERS = re.compile(
    r"\b(many |thank you|thanks|thx|cheers)( so much| very much| a lot)?"
    r" (in advance|for (your |the |any )?(help|time|support|understanding|looking|attention|patience)( in advance)?)\b"
    r"|^(thanks|thank you|cheers|(kind|best|warm) regards|regards|best( wishes)?|sincerely|yours)\b"
    r"[\s,.!]*(\w+[.!]?)?\s*$"
    r"|^(hi|hello|hey|dear|good (morning|afternoon|evening))\b[\w ]{0,30}[,!.]?\s*",
    re.IGNORECASE,
)
_HOW_TO = re.compile(
    r"^\W*(and |so |but |also )?(how|where|which|who|when|what (is|are|does|do|happens|if)|can|could|is|are|was"
    r"|do|does|may)\b.*\?",
    re.IGNORECASE | re.DOTALL,
)
_BREAKS_A_WORD = re.compile("|".join(BROKEN_WORD), re.IGNORECASE)
_NAME_IN_QUOTES = re.compile(r"\"[^\"]{1,40}\"|\B'[^']{1,30}'\B")


class LexiconSentiment:
    """Implements agent.ports.SentimentScorer: -1 furious, 0 neutral, 1 delighted; below -0.3 is upset."""

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()
        lexicon: dict[str, float] = self._analyzer.lexicon
        for word, valence in lexicon.items():
            if word.isalpha() and not word.startswith(FEELINGS):
                lexicon[word] = max(valence, _EVENT_VALENCE)
        for word in MATTER:
            lexicon.pop(word, None)
        lexicon.update(VALENCES)

    async def score(self, texts: Sequence[str]) -> list[float]:
        return [self.score_text(text) for text in texts]

    def score_text(self, text: str) -> float:
        """A message is as upset as its worst sentence, softened by its kindest; else it is their mean."""
        told = text[:_MAX_CHARS].translate(_STRAIGHT)
        sentences = _split_sentences(told)
        scores = [score for score in map(self._score_sentence, _without_manners(sentences)) if score]
        if praises_a_fault(told):
            scores = [score for score in scores if score < 0] + [_IRONIC]
        if _BREAKS_A_WORD.search(told):
            scores.append(_BROKEN_WORD)
        if is_angry_elsewhere(told):
            scores.append(ANGRY_ELSEWHERE)
        if not scores:
            return 0.0
        complaints = [score for score in scores if score < _COMPLAINING]
        if complaints:
            kindest = max(0.0, *scores) if len(scores) > 1 else 0.0
            result = min(complaints) + _KINDNESS_WEIGHT * kindest - _REPEATED_ANGER * (len(complaints) - 1)
        else:
            result = sum(scores) / len(scores)
        return round(max(-1.0, min(1.0, result)), 4)

    def _score_sentence(self, sentence: str) -> float:
        said = _NAME_IN_QUOTES.sub(" it ", sentence)
        shouted = said.isupper() and len(said.split()) >= 3
        phrased = said.lower()
        for pattern, word in PHRASES:
            phrased = pattern.sub(f" {_SHIELD} {word} ", phrased)
        found = phrased != said.lower()
        # VADER reads capitals as emphasis, so they are kept where no phrase was found.
        clauses = _CLAUSE_END.sub(f" {_SHIELD} ", phrased if found or shouted else said)
        score = float(self._analyzer.polarity_scores(clauses)["compound"])
        if shouted:
            score = max(-1.0, min(1.0, score * _SHOUTING_WEIGHT))
        return score * _HOW_TO_WEIGHT if STRONG not in phrased and _HOW_TO.search(said) else score


def _split_sentences(text: str) -> list[str]:
    """Endless ones in pieces: the lexicon's time grows with the square of a sentence."""
    parts = [part for part in _SENTENCE_END.split(text) if part.strip()]
    return [part[start : start + _MAX_SENTENCE] for part in parts for start in range(0, len(part), _MAX_SENTENCE)]


def _without_manners(sentences: list[str]) -> list[str]:
    """Greetings and closings of a longer text are manners; alone, thanks are what the message says."""
    if len(sentences) < 2:
        return sentences
    spoken = [_MANNERS.sub("", sentence) for sentence in sentences]
    return [sentence for sentence in spoken if sentence.strip()] or sentences
