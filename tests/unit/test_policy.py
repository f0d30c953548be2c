"""The escalation policy on small rules, with an embedder whose vectors are its words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import ConfigurationInvalid
from agent.policy.meaning import MeaningClassifier
from agent.policy.policy import EscalationPolicy, Verdict, load_policy
from agent.policy.rules import read_rules
from agent.policy.sentences import MAX_PARTS, split_parts, split_sentences
from agent.ports import Embeddings
from agent.records import ReasonCode, Severity, Team
from serve_app.settings import CHECKOUT
from tests.unit.policy_fakes import WordEmbedder, small_rules, write_rules

SHIPPED = CHECKOUT / "knowledge" / "escalation_rules.yaml"


async def judge(policy: EscalationPolicy, text: str, embedder: WordEmbedder | None = None) -> Verdict | None:
    return policy.immediate(text, await (embedder or WordEmbedder()).embed([text, *policy.parts(text)]))


@pytest.fixture
async def policy(tmp_path: Path) -> EscalationPolicy:
    return await load_policy(write_rules(tmp_path, small_rules()), WordEmbedder())


async def test_what_means_a_rule_without_its_pattern_escalates(policy: EscalationPolicy) -> None:
    verdict = await judge(policy, "return my money")
    assert verdict is not None
    assert verdict.reason_code is ReasonCode.REFUND_REQUEST
    assert "wording" not in verdict.evidence


async def test_an_ordinary_question_is_answered(policy: EscalationPolicy) -> None:
    assert await judge(policy, "How do I find the board?") is None


async def test_a_keyword_in_an_ordinary_question_is_answered(policy: EscalationPolicy) -> None:
    assert await judge(policy, "How do I make a lawsuit board?") is None


async def test_a_pattern_lifts_what_meaning_alone_leaves_open(tmp_path: Path) -> None:
    text = "a refund for this board"
    with_pattern = await load_policy(write_rules(tmp_path, small_rules(wording_bonus=1.0)), WordEmbedder())
    without = await load_policy(write_rules(tmp_path, small_rules(wording_bonus=0.0)), WordEmbedder())
    verdict = await judge(with_pattern, text)
    assert verdict is not None
    assert "wording 'refund'" in verdict.evidence
    assert await judge(without, text) is None


async def test_unless_voids_a_pattern(tmp_path: Path) -> None:
    policy = await load_policy(write_rules(tmp_path, small_rules(wording_bonus=1.0)), WordEmbedder())
    assert await judge(policy, "the board has a refund label") is None
    assert await judge(policy, "the board has a refund") is not None


async def test_vectors_of_another_model_are_not_compared(policy: EscalationPolicy) -> None:
    other = WordEmbedder("another model")
    assert await judge(policy, "return my money", other) is None
    verdict = await judge(policy, "I demand a refund", other)
    assert verdict is not None
    assert verdict.evidence == "wording 'refund'"


async def test_the_order_of_the_rules_decides_between_firm_matches(policy: EscalationPolicy) -> None:
    verdict = await judge(policy, "I want my money back. Expect a letter from our lawyer.")
    assert verdict is not None
    assert verdict.reason_code is ReasonCode.LEGAL_ISSUE


async def test_one_sentence_of_a_long_mail_is_caught(policy: EscalationPolicy) -> None:
    chatter = [f"Our team of number {n} plans holidays with the calendar view." for n in range(9)]
    mail = " ".join([*chatter[:5], "I want my money back.", *chatter[5:]])
    verdict = await judge(policy, mail)
    assert verdict is not None
    assert verdict.reason_code is ReasonCode.REFUND_REQUEST
    assert await judge(policy, " ".join(chatter)) is None


async def test_quoted_lines_are_not_the_customers_words(policy: EscalationPolicy) -> None:
    other = WordEmbedder("another model")  # so that only wording speaks
    assert await judge(policy, "> I want a refund\nHow do I create a board?", other) is None


async def test_what_is_like_no_exemplar_has_no_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = small_rules()
    rules["embedding_models"]["words"]["meaning"] = -0.5
    policy = await load_policy(write_rules(tmp_path, rules), WordEmbedder())
    assert await judge(policy, "Zebras graze quietly") is not None, "it trails the ordinary by little"
    monkeypatch.setattr("agent.policy.policy._LEAST_LIKENESS", 0.4)
    assert await judge(policy, "Zebras graze quietly") is None
    assert await judge(policy, "return my money") is not None
    assert await judge(policy, "Zebras refund quietly") is not None, "its wording is enough"


async def test_a_terse_follow_up_is_judged_with_the_question_that_it_leans_on(policy: EscalationPolicy) -> None:
    embedder = WordEmbedder()
    question, follow_up = "Where do I find the calendar on a board? How do I create a board?", "and return it?"
    [asked, meant] = (await embedder.embed([follow_up, f"{question}\n{follow_up}"])).vectors
    alone = policy.lead(follow_up, Embeddings("words", asked[None, :]))
    [whole, *_] = policy._judge(follow_up, Embeddings("words", asked[None, :]), (f"{question}\n{follow_up}", meant))
    assert max(whole.scores.values()) < alone


async def test_a_name_with_capitals_has_no_wording(tmp_path: Path) -> None:
    policy = await load_policy(write_rules(tmp_path, small_rules(wording_bonus=1.0)), WordEmbedder())
    named = await judge(policy, "I want our department called Refund Desk renamed.")
    assert named is None or "wording" not in named.evidence
    said = await judge(policy, "I want what you called a refund.")
    assert said is not None
    assert "wording 'refund'" in said.evidence


async def test_a_name_in_quotes_has_no_wording(tmp_path: Path) -> None:
    policy = await load_policy(write_rules(tmp_path, small_rules(wording_bonus=1.0)), WordEmbedder())
    named = await judge(policy, "Where is the board called 'Refund of the calendar'?")
    assert named is None or "wording" not in named.evidence
    said = await judge(policy, "I want the refund of the calendar.")
    assert said is not None
    assert "wording 'refund'" in said.evidence


async def test_what_another_language_says_needs_no_likeness_to_english_exemplars(tmp_path: Path) -> None:
    rules = small_rules(wording_bonus=0.0)
    for rule in rules["rules"]:
        if rule["reason"] == ReasonCode.REFUND_REQUEST.value:
            rule |= {"other_languages": [r"\bruckzahlung\b"], "other_languages_unless": [r"\bfeld\b"]}
    policy = await load_policy(write_rules(tmp_path, rules), WordEmbedder())
    verdict = await judge(policy, "Ich warte auf die Rückzahlung.")
    assert verdict is not None
    assert verdict.evidence.startswith("wording 'ruckzahlung'")
    assert await judge(policy, "Wo ist das Feld für die Rückzahlung?") is None
    assert await judge(policy, "What is the word ruckzahlung to you and to me?") is None, "this is plainly English"
    mixed = await judge(policy, "Ich will bitte einen Refund für das.")
    assert mixed is not None
    assert mixed.evidence.startswith("wording 'refund'")
    assert await judge(policy, "Ich will bitte ein Refund Label für das.") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Sie haben uns doppelt berechnet.", ReasonCode.REFUND_REQUEST),
        ("Kündigung", ReasonCode.CANCELLATION_REQUEST),
        ("Pourriez-vous m'envoyer un devis ?", ReasonCode.PRICING_INQUIRY),
        ("necesito hablar con una persona", ReasonCode.CUSTOMER_REQUESTED),
        ("ninguém consegue entrar desde hoje cedo", ReasonCode.TECHNICAL_EMERGENCY),
        ("il nostro avvocato vi scriverà", ReasonCode.LEGAL_ISSUE),
        ("mon compte a été piraté", ReasonCode.SECURITY_CONCERN),
        ("أريد التحدث مع موظف", ReasonCode.CUSTOMER_REQUESTED),
        ("返金してください", ReasonCode.REFUND_REQUEST),
        ("Wie storniere ich eine Einladung?", None),
        ("¿Cómo elimino una tarea de mi cuenta?", None),
        ("Comment renommer la colonne « Remboursements » ?", None),
        ("Guten Tag, wo finde ich den Kalender?", None),
    ],
)
async def test_the_shipped_wording_of_other_languages(text: str, reason: ReasonCode | None) -> None:
    unasked = MeaningClassifier(["a", "b"], ["x", "o"], np.eye(2, dtype=np.float32), ordinary="o")
    policy = EscalationPolicy(read_rules(SHIPPED), "none", unasked)
    verdict = policy.immediate(text, Embeddings("another model", np.zeros((1, 1), dtype=np.float32)))
    assert (verdict and verdict.reason_code) == reason


async def test_small_talk_has_no_reason(tmp_path: Path) -> None:
    rules = small_rules()
    rules["rules"][0]["exemplars"].append("bye")
    policy = await load_policy(write_rules(tmp_path, rules), WordEmbedder())
    assert await judge(policy, "bye") is None


async def test_lasting_anger_is_the_reason_unless_another_is_plain(policy: EscalationPolicy) -> None:
    async def judge_angry(text: str) -> ReasonCode | None:
        vectors = await WordEmbedder().embed([text, *policy.parts(text)])
        verdict = policy.immediate(text, vectors, negative_streak=2)
        return verdict and verdict.reason_code

    vague = "You took my money and my time, terrible thing"
    assert await judge(policy, vague) is not None, "near enough to a reason on its own"
    assert await judge_angry(vague) is ReasonCode.NEGATIVE_SENTIMENT
    assert await judge_angry("How do I find the board?") is ReasonCode.NEGATIVE_SENTIMENT
    assert await judge_angry("I want my money back.") is ReasonCode.REFUND_REQUEST
    assert await judge_angry("This lawsuit of our lawyer is a letter to you.") is ReasonCode.LEGAL_ISSUE


async def test_after_attempt(policy: EscalationPolicy) -> None:
    assert policy.after_attempt(negative_streak=1, gap_streak=1) is None
    upset = policy.after_attempt(negative_streak=2, gap_streak=2)
    gap = policy.after_attempt(negative_streak=0, gap_streak=2)
    assert upset is not None
    assert upset.reason_code is ReasonCode.NEGATIVE_SENTIMENT
    assert gap is not None
    assert gap.reason_code is ReasonCode.KNOWLEDGE_GAP


async def test_thresholds_belong_to_a_model(policy: EscalationPolicy) -> None:
    assert policy.match_threshold("words") == 0.4
    assert policy.match_threshold("unheard of") == 0.2
    assert policy.negative_threshold == -0.3


async def test_exemplars_are_embedded_once(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    policy = await load_policy(write_rules(tmp_path, small_rules()), embedder)
    assert len(embedder.embedded) == len(set(embedder.embedded)) == 10
    policy.immediate("return my money", await WordEmbedder().embed(["return my money"]))
    assert len(embedder.embedded) == 10


async def test_an_embedder_that_changes_its_model_is_refused(tmp_path: Path) -> None:
    class Fickle(WordEmbedder):
        async def embed(self, texts: Sequence[str]) -> Embeddings:
            self.model_id += "'"
            return await super().embed(texts)

    many = small_rules(ordinary=[f"How do I use view number {n}?" for n in range(100)])
    with pytest.raises(ConfigurationInvalid, match="model changed"):
        await load_policy(write_rules(tmp_path, many), Fickle())


def broken(change: dict[str, Any], reason: ReasonCode = ReasonCode.REFUND_REQUEST) -> dict[str, Any]:
    rules = small_rules()
    for rule in rules["rules"]:
        if rule["reason"] == reason.value:
            rule.update(change)
    return rules


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        (broken({"patterns": ["(unclosed"]}), "rule refund_request: .*unclosed"),
        (broken({"other_languages": ["(unclosed"]}), "rule refund_request: .*unclosed"),
        (broken({"team": "nobody"}), "rule refund_request: team"),
        (broken({"severity": "P9"}), "rule refund_request: severity"),
        (broken({"exemplar": ["a typo in the key"]}), "rule refund_request: exemplar"),
        (broken({"exemplars": [7]}), "rule refund_request: exemplars: 0"),
        (broken({"exemplars": ["My board is slow."]}), "'My board is slow.' is given both as"),
        (broken({"reason": "legal_issue"}), "refund_request: 0 rules"),
        (small_rules(rules=[]), "pricing_inquiry: 0 rules"),
        (small_rules(embedding_models={"words": {"match": 0.4}}), "'other' is missing"),
        (small_rules(negative_threshold=0.5), "negative_threshold"),
        ("not a mapping", "invalid"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path: Path, rules: object, named: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=named):
        read_rules(write_rules(tmp_path, rules))


def test_files_that_are_no_rules_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        read_rules(tmp_path / "missing.yaml")
    (tmp_path / "broken.yaml").write_text("rules: [", encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match="no YAML"):
        read_rules(tmp_path / "broken.yaml")


def test_the_shipped_rules_send_each_reason_where_the_design_says() -> None:
    routes = {rule.reason: (rule.team, rule.severity) for rule in read_rules(SHIPPED).rules}
    assert routes[ReasonCode.PRICING_INQUIRY] == (Team.BILLING, Severity.P3)
    assert routes[ReasonCode.REFUND_REQUEST] == (Team.BILLING, Severity.P3)
    assert routes[ReasonCode.LEGAL_ISSUE] == (Team.LEGAL, Severity.P2)
    assert routes[ReasonCode.SECURITY_CONCERN] == (Team.SECURITY, Severity.P2)
    assert routes[ReasonCode.TECHNICAL_EMERGENCY] == (Team.TECHNICAL, Severity.P3)
    assert routes[ReasonCode.ABUSIVE_LANGUAGE] == (Team.GENERAL, Severity.P2)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["if we ", "how much ", "all tasks ", "you ", "a", "   ", "charged ", "talk to a "])
async def test_no_shipped_pattern_hangs_on_an_endless_sentence(tmp_path: Path, unit: str) -> None:
    shipped = read_rules(SHIPPED)
    keys = ("patterns", "unless", "other_languages", "other_languages_unless")
    patterns = {rule.reason.value: {key: getattr(rule, key) for key in keys} for rule in shipped.rules}
    rules = small_rules()
    for rule in rules["rules"]:
        rule.update({key: list(value) for key, value in patterns[rule["reason"]].items()})
    policy = await load_policy(write_rules(tmp_path, rules), WordEmbedder())
    nothing = Embeddings("another model", np.zeros((1, 1), dtype=np.float32))
    policy.immediate(unit * (20_000 // len(unit)), nothing)


def test_a_message_of_one_sentence_has_no_parts() -> None:
    assert split_parts("How do I create a board?") == ()


def test_each_wish_of_a_sentence_is_a_part() -> None:
    short = "What are the limits and how do we back off?"
    assert split_parts(short) == ("What are the limits", "how do we back off?")
    two = "How do I put a checklist on every card, and what would we pay for ten more people?"
    assert split_parts(two) == ("How do I put a checklist on every card", "what would we pay for ten more people?")
    listed = "1) where do I change my avatar please 2) you charged me after I downgraded to Free"
    assert split_parts(listed) == (
        "1) where do I change my avatar please",
        "2) you charged me after I downgraded to Free",
    )


@pytest.mark.parametrize(
    "text",
    [
        "Any limits there, and how do we back off?",
        "I moved the card, and what now?",
        "Lists and boards and what we do",
    ],
)
def test_a_few_words_more_are_no_wish_of_their_own(text: str) -> None:
    assert split_parts(text) == ()


def test_parts_leave_nothing_out_and_are_few() -> None:
    mail = " ".join(f"This is sentence number {n}." for n in range(100))
    parts = split_parts(mail)
    assert len(parts) <= MAX_PARTS
    assert " ".join(parts) == mail


def test_a_very_short_sentence_joins_the_one_before() -> None:
    assert split_parts("1 how to add a label 2 i want to talk to someone") == (
        "1 how to add a label",
        "2 i want to talk to someone",
    )
    assert split_parts("The export fails again. Help! I need it today.") == (
        "The export fails again. Help!",
        "I need it today.",
    )


def test_sentences_end_at_line_breaks_and_not_in_abbreviations() -> None:
    assert split_sentences("I tried it, e.g. today\nno luck. what now?") == [
        "I tried it, e.g. today",
        "no luck.",
        "what now?",
    ]


async def test_leaving_one_out_in_closed_form_is_leaving_one_out() -> None:
    sentences = ["pay me back", "money back now", "give money", "open a board", "find my board", "where is a task"]
    labels = ["refund"] * 3 + ["ordinary"] * 3
    vectors = (await WordEmbedder().embed(sentences)).vectors
    leads = []
    for left in range(3, 6):
        kept = [n for n in range(6) if n != left]
        # The rarity of words is the whole collection's in the closed form, hence the tolerance below.
        smaller = MeaningClassifier(
            [sentences[n] for n in kept], [labels[n] for n in kept], vectors[kept], ordinary="ordinary"
        )
        leads.append(float(smaller.leads([sentences[left]], vectors[[left]]).max()))
    whole = MeaningClassifier(sentences, labels, vectors, ordinary="ordinary")
    assert whole.calibrate(0.01) == pytest.approx(max(leads), abs=0.1)


class CountedArrays:
    """Keeps arrays in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def load(self, key: str) -> Any:
        return self.kept.get(key)

    def store(self, key: str, array: Any) -> None:
        self.kept[key] = array


async def test_a_fit_is_found_again_and_judges_the_same(tmp_path: Path) -> None:
    rules, fits = write_rules(tmp_path, small_rules()), CountedArrays()
    first = await load_policy(rules, WordEmbedder(), fits)
    (weights,) = fits.kept.values()
    second = await load_policy(rules, WordEmbedder(), fits)
    assert [*fits.kept.values()] == [weights]
    for text in ("Please return the money you took.", "Where do I find the calendar?"):
        assert await judge(first, text) == await judge(second, text)


async def test_changed_rules_and_broken_weights_are_fitted_anew(tmp_path: Path) -> None:
    fits = CountedArrays()
    await load_policy(write_rules(tmp_path, small_rules()), WordEmbedder(), fits)
    (key,) = fits.kept
    changed = small_rules(ordinary=["How do I create a list?", "My board is slow."])
    await load_policy(write_rules(tmp_path, changed), WordEmbedder(), fits)
    assert len(fits.kept) == 2
    fits.kept[key] = np.zeros((1, 1))
    policy = await load_policy(write_rules(tmp_path, small_rules()), WordEmbedder(), fits)
    assert await judge(policy, "Please return the money you took.") is not None
    assert fits.kept[key].shape != (1, 1)


@pytest.mark.parametrize(
    ("text", "clear"),
    [
        ("How do I create a board?", True),
        ("My board is slow. Where do I find the calendar?", True),
        ("How do I create a board? I want my money back.", False),
        ("How do I create a board? Our lawsuit board is slow.", False),
        ("Where do I find the calendar? " * 5, False),
    ],
    ids=["one sentence", "far from every reason", "near one", "wording", "many sentences"],
)
async def test_a_message_is_clear_when_no_sentence_of_it_can_be_a_reason(
    policy: EscalationPolicy, text: str, clear: bool
) -> None:
    assert policy.is_clear(text, await WordEmbedder().embed([text])) is clear


async def test_vectors_of_another_model_make_every_message_clear(policy: EscalationPolicy) -> None:
    text = "How do I create a board? I want my money back, a refund."
    whole = await WordEmbedder("other").embed([text])
    assert policy.is_clear(text, whole)
    verdict = policy.immediate(text, whole)
    assert verdict is not None, "wording decides"
    assert verdict.reason_code is ReasonCode.REFUND_REQUEST


async def test_a_clear_message_has_no_reason(policy: EscalationPolicy) -> None:
    text = "My board is slow. Where do I find the calendar?"
    assert policy.immediate(text, await WordEmbedder().embed([text])) is None
