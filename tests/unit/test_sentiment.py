"""Sentiment of customers' words. How often it is right over many messages is held in tests/eval."""

from __future__ import annotations

import pytest

from models.sentiment import LexiconSentiment

UPSET = -0.3


@pytest.fixture(scope="module")
def sentiment() -> LexiconSentiment:
    return LexiconSentiment()


@pytest.mark.parametrize(
    "text",
    [
        "this is killing me, still broken",
        "This is the third time I ask!",
        "You never answer. I'm done with this.",
        "not happy with this at all",
        "WHY IS THIS STILL NOT FIXED",
        "Hello, I hope you are well. The sync failed again and I am really annoyed by now. Thanks, Jo",
        "Thanks for nothing.",
    ],
)
def test_upset_messages_are_below_the_threshold(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) < UPSET


@pytest.mark.parametrize(
    "text",
    [
        "How do I set priority to critical?",
        "There is a problem with the export, I get an error",
        "How do I kill the timer?",
        "Where do I find the urgent label?",
        "I have an issue: alert field, dead link, risk label, block, bug, fail, fatal error",
        "We have a crisis team that needs its own board.",
        'Our task "Fix terrible onboarding" can\'t be moved.',
        "Please help me, I can't log in.",
        "We want to cancel our subscription.",
        "no",
        "",
        "   \n ",
    ],
)
def test_the_matter_is_not_a_mood(sentiment: LexiconSentiment, text: str) -> None:
    assert UPSET <= sentiment.score_text(text) <= 0.3


@pytest.mark.parametrize(
    "text",
    [
        "Oh great, it crashed again.",
        "Well, that's just perfect. Two hours lost.",
        "Brilliant. Down again.",
        "🤬",
        "slow clap",
    ],
)
def test_praise_of_a_fault_is_anger(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) < UPSET


@pytest.mark.parametrize(
    "text",
    [
        "This is the third time I'm explaining this.",
        "Still nothing after two weeks.",
        "How often must I describe this?",
        "You promised a fix by Tuesday. It's Thursday.",
        "We were told it would be solved. It wasn't.",
        "Do you even read what we write?",
        "Your last reply had nothing to do with my question.",
        "We look like fools in front of our customers.",
        "i've had enough of this",
        "Nice one. Now the backup is empty as well.",
    ],
)
def test_failing_somebody_is_anger_without_a_strong_word(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) < UPSET


@pytest.mark.parametrize(
    "text",
    [
        "The task repeats every two weeks. Can it be every three?",
        "I give up the ownership of the board.",
        "This is my third ticket today, on something else.",
        "How is this meant to be used?",
        "No reply needed.",
        "For the third time zone, how do I add a calendar?",
        "We have been waiting for the client's approval since Monday. Can I mark the task as waiting?",
        "We promised our customer a report by Tuesday. Which view is best for that?",
        "I asked my colleague twice to upload the file. Can I send her a reminder from the task?",
        "I reported my hours in May. Can I change them in November?",
        "We lost a deal. Where do I move its card?",
        "how many times can a task be postponed",
        "Thank you so much for the fast response.",
    ],
)
def test_time_and_repetition_alone_are_no_anger(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) >= UPSET


@pytest.mark.parametrize(
    "text", ["Nice, it works again", "Great, the error is gone", "Wow, that was fast!", "Oh great, that worked, thanks"]
)
def test_praise_that_is_meant_is_none(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) > 0.3


@pytest.mark.parametrize(
    "text",
    [
        "The import shows ignored rows",
        "no progress bar is shown",
        "ok i'm done",
        "My bad, wrong file",
        "HTTP 400 bad request",
    ],
)
def test_words_that_anger_uses_too_are_none(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) >= UPSET


def test_a_negation_ends_with_its_clause(sentiment: LexiconSentiment) -> None:
    assert sentiment.score_text("your fix did nothing, i'm furious") < UPSET


@pytest.mark.parametrize("text", ["Thank you!", "ok that worked, u r the best", "It works now, thank you", "thx!!"])
def test_thanks_are_no_anger(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) > 0.3


def test_negation_turns_a_feeling_around(sentiment: LexiconSentiment) -> None:
    assert sentiment.score_text("I am happy with it") > 0.3 > UPSET > sentiment.score_text("I am not happy with it")


def test_a_word_before_a_turn_of_phrase_does_not_turn_it_around(sentiment: LexiconSentiment) -> None:
    assert sentiment.score_text("this is terrible, my board wont load and nobody cares") < -0.3


def test_one_upset_sentence_of_a_long_mail_counts(sentiment: LexiconSentiment) -> None:
    calm = "We plan our sprints in TaskFlow. The boards hold two hundred tasks. "
    assert sentiment.score_text(calm * 5) >= UPSET
    assert sentiment.score_text(f"{calm * 5} I am furious about this. {calm * 5}") < UPSET


def test_signing_off_politely_does_not_hide_anger(sentiment: LexiconSentiment) -> None:
    assert sentiment.score_text("This is unacceptable.\nThanks in advance for your help\nKind regards") < UPSET


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["great but bad ", "still not ", "a", "  ", "waste of my time ", "'a "])
def test_any_text_gets_a_score_in_range(sentiment: LexiconSentiment, unit: str) -> None:
    assert -1.0 <= sentiment.score_text(unit * (100_000 // len(unit))) <= 1.0


async def test_scores_come_in_the_order_of_the_texts(sentiment: LexiconSentiment) -> None:
    texts = ["I am furious.", "How do I export?", "Thank you!"]
    assert await sentiment.score(texts) == [sentiment.score_text(text) for text in texts]
    assert await sentiment.score([]) == []


@pytest.mark.parametrize(
    "text",
    [
        "Das ist eine Frechheit, schon wieder nichts!",
        "C'est inadmissible, trois jours sans réponse.",
        "Estoy harta de esperar, es una vergüenza.",
        "È inaccettabile, vi rendete conto?",
        "Isso é um absurdo, ninguém responde.",
        "Dit is belachelijk, nog steeds niks.",
    ],
)
def test_anger_in_other_languages_is_known_by_its_words(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) < UPSET


@pytest.mark.parametrize(
    "text",
    [
        "Wie lösche ich eine Aufgabe aus dem Papierkorb?",
        "Où est la corbeille ?",
        "¿Dónde está la basura?",
        "Quero apagar o lixo da bacheca.",
        "How do I add the label 'catastrophe' to a card in the list?",
    ],
)
def test_calm_questions_in_other_languages_stay_calm(sentiment: LexiconSentiment, text: str) -> None:
    assert sentiment.score_text(text) >= UPSET
