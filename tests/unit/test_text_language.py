"""English is told from other languages by what every sentence has."""

from __future__ import annotations

import pytest

from agent.text.language import is_english


@pytest.mark.parametrize(
    "text",
    [
        "how do I reset my password",
        "board doesnt load",
        "2FA",
        "hola",
        "Can Señora García join our board 'Las cosas que hay'?",
        "comment ai field",
        "👍",
    ],
)
def test_english_names_and_what_says_too_little_are_english(text: str) -> None:
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "¿Cómo puedo cambiar mi contraseña?",
        "Bonjour, comment puis-je inviter un collègue dans mon espace ?",
        "Wie kann ich mein Passwort ändern?",
        "Non riesco ad accedere con il mio account",
        "mera password reset nahi ho raha hai",
        "Как сменить пароль?",
        "パスワードを変更するには",
    ],
)
def test_other_languages_are_not(text: str) -> None:
    assert not is_english(text)
