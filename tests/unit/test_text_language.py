"""English is told from other languages by what every sentence has."""

from __future__ import annotations

import pytest

from agent.text.language import is_english, is_plainly_english, language_of


@pytest.mark.parametrize(
    "text",
    [
        "how do I reset my password",
        "board doesnt load",
        "2FA",
        "hola",
        "Can Señora García join our board 'Las cosas que hay'?",
        "comment ai field",
        "the card Konto is on the wrong board",
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
        "cómo cambio mi contraseña",
        "passwort vergessen konto gesperrt",
        "supprimer tableau",
    ],
)
def test_other_languages_are_not(text: str) -> None:
    assert not is_english(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How can I change my password on the phone?", "en"),
        ("Wie kann ich mein Passwort ändern?", "de"),
        ("Bonjour, comment puis-je inviter un collègue dans mon espace ?", "fr"),
        ("¿Cómo puedo cambiar mi contraseña?", "es"),
        ("Como posso mudar a minha senha?", "pt"),
        ("como cambio mi contrasena", "es"),
        ("Non riesco ad accedere con il mio account", "it"),
        ("Hoe kan ik mijn wachtwoord wijzigen?", "nl"),
        ("كيف أغير كلمة المرور؟", "ar"),
        ("Как сменить пароль?", "ru"),
        ("パスワードを変更するには", "ja"),
        ("如何更改密码？", "zh"),
        ("비밀번호를 어떻게 변경하나요?", "ko"),
        ("पासवर्ड कैसे बदलें?", "hi"),
        ("ok", None),
        ("TF-20260302-0001", None),
        ("Select Export.", None),
    ],
)
def test_a_language_is_named_where_a_text_says_enough(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "plainly"),
    [
        ("How do I cancel the export of my board?", True),
        ("refund please", False),
        ("Kündigung", False),
        ("Voy a demandar a su empresa si no me devuelven el acceso a mis datos.", False),
        ("Was will der Admin in dem Board?", False),
    ],
)
def test_what_is_plainly_english_has_words_that_are_english_alone(text: str, plainly: bool) -> None:
    assert is_plainly_english(text) is plainly
