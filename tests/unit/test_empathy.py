"""An upset customer is first told that it is taken seriously, in the language of the reply."""

from __future__ import annotations

import pytest

from agent.records import Channel, OutcomeKind
from agent.reply.empathy import UPSET, with_empathy
from agent.turn.turn import run_turn
from models.offline import OfflineModel
from tests.unit.turn_fakes import FakeSentiment, context, says, scripted, services

ANSWER = "Open the project, select More > Export and choose CSV."


@pytest.mark.parametrize("channel", list(Channel))
async def test_empathy_comes_before_the_facts_when_a_customer_is_upset(channel: Channel) -> None:
    for model in (scripted(says(ANSWER)), OfflineModel()):
        given = services(model=model, sentiment=FakeSentiment(UPSET - 0.1))
        decision = await run_turn(context(channel=channel), given)
        assert decision.kind is OutcomeKind.REPLY
        said = decision.reply
        assert 0 <= said.lower().index("sorry") < said.index("project")
        assert said.lower().count("sorry") == 1
        assert len(said) <= 300 or channel is not Channel.WHATSAPP


async def test_a_calm_customer_gets_the_facts_at_once() -> None:
    decision = await run_turn(context(), services(model=scripted(says(ANSWER))))
    assert "sorry" not in decision.reply.lower()


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry to hear that. Open the project.",
        "That must be frustrating. Open the project.",
        "Es tut mir leid. Öffnen Sie das Projekt und wählen Sie das Menü.",
    ],
)
def test_it_is_said_once(text: str) -> None:
    assert with_empathy(text, Channel.EMAIL) == text


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Öffnen Sie das Projekt und wählen Sie dann das Menü mit der Einstellung.", "Es tut mir leid"),
        ("Ouvrez le projet et sélectionnez ensuite les options dans le menu.", "Je suis désolé"),
        ("Abra el proyecto y seleccione las opciones que hay en el menú para su cuenta.", "Lamento que esto"),
        ("افتح المشروع ثم اختر التصدير من القائمة.", "يؤسفني"),
        ("Open the project.", "I am sorry"),
        ("プロジェクトを開いてください。", "プロジェクト"),
    ],
)
def test_it_is_said_in_the_language_of_the_reply(text: str, begins: str) -> None:
    assert with_empathy(text, Channel.EMAIL).startswith(begins)
