"""Absence notes that come without a header or a subject of their own."""

from __future__ import annotations

import pytest

from channels.mail.reading import read_mail
from tests.unit.mail.samples import mail

NOTES = {
    "de": "Guten Tag,\n\nich befinde mich derzeit im Urlaub und bin ab dem 19.05. wieder erreichbar. Ihre Nachricht wird "
    "nicht weitergeleitet.\n\nIn dringenden Fällen wenden Sie sich an vertretung@example.com.\n\nViele Grüße\nAda",
    "de-short": "Ich bin vom 1.5. bis 18.5. im Urlaub. Ihre E-Mail wird nicht weitergeleitet.\n\nMfG\nAda",
    "de-date": "Vielen Dank für Ihre Nachricht. Ich bin bis einschließlich 12. Mai nicht im Büro. Ab dem 13. Mai bin ich wieder "
    "erreichbar. In dringenden Fällen wenden Sie sich bitte an Bob Beispiel.\n\nMit freundlichen Grüßen\nAda",
    "en": "Hello,\n\nThank you for your email. I am currently out of the office with limited access to email and will return on "
    "Monday, May 19. For urgent matters please contact bob@example.com.\n\nAda",
    "en-leave": "Thanks for your message. I am on annual leave until 19 May and will respond to your email on my return.",
    "en-closed": "Our office is closed until 2 January. We will reply when we are back.",
    "es": "Hola,\n\nActualmente estoy fuera de la oficina con acceso limitado al correo. Volveré el 19 de mayo. Para asuntos "
    "urgentes contacte con bob@example.com.\n\nSaludos,\nAda",
    "fr": "Bonjour,\n\nJe suis actuellement absente du bureau et serai de retour le 19 mai. En cas d'urgence, veuillez "
    "contacter Bob (bob@example.com).\n\nCordialement,\nAda",
    "it": "Buongiorno,\n\nsono in ferie fino al 18 maggio. Risponderò al mio rientro. Per urgenze potete contattare "
    "bob@example.com.\n\nCordiali saluti\nAda",
    "nl": "Beste,\n\nIk ben afwezig tot en met 18 mei. Ik heb geen toegang tot mijn e-mail. Voor dringende zaken kunt u contact "
    "opnemen met bob@example.com.\n\nMet vriendelijke groet,\nAda",
    "pt": "Olá,\n\nEstou de férias até 18 de maio, com acesso limitado ao e-mail. Em caso de urgência, contacte "
    "bob@example.com.\n\nObrigada,\nAda",
}
ASIDES = [
    "I am out of the office until 19 May. Urgent? Write to bob@example.com.",
    "Ich bin bis 18. Mai im Urlaub. Dringend? Wenden Sie sich an vertretung@example.com.",
    "Je suis absente jusqu'au 19 mai. Urgent ? Contactez bob@example.com.",
    "Estoy de vacaciones hasta el 19 de mayo. ¿Es urgente? Contacte con bob@example.com.",
]
PEOPLES = [
    "I am out of the office until Monday. Urgent? Yes! The export fails, please fix it.",
    "I am out of the office until Monday. Is it urgent? I cannot tell.",
    "I am out of the office until Monday. The export still fails with error 504, please call Bob instead.",
    "I'm out of the office until Monday.\nThe board is broken.",
    "I will be on vacation from May 10. Can we finish before that?",
    "Ich bin bis 12. Mai nicht im Büro. Am 13. Mai endet unser Abo.",
    "Ich bin im Urlaub und bin ab dem 19.05. wieder erreichbar. Bitte stornieren Sie die Rechnung.",
    "This is urgent, please fix it. I am on vacation from tomorrow.",
    "I am on vacation from tomorrow. Please call me if it is urgent.",
    "I am away next week. Please cancel my account.",
    "I am traveling. I have no access to my account.",
    "I am not available. I will check it tomorrow, but the export is broken.",
    "I was out of the office last week, sorry. Now the PDF is empty.",
    "Thank you for your message. I will return on Monday.",
]


@pytest.mark.parametrize("text", NOTES.values(), ids=NOTES.keys())
def test_an_answer_that_only_says_that_somebody_is_away_is_automatic(text: str) -> None:
    read = read_mail(mail(text))
    assert (read.automatic, read.automatic_reason) == (True, "vacation")
    assert read.text


@pytest.mark.parametrize("text", ASIDES)
def test_an_aside_about_whom_to_ask_is_no_question(text: str) -> None:
    assert read_mail(mail(text)).automatic_reason == "vacation"


@pytest.mark.parametrize("text", PEOPLES)
def test_a_customer_who_is_away_and_says_anything_else_is_a_customer(text: str) -> None:
    assert not read_mail(mail(text)).automatic


def test_a_first_mail_is_never_an_absence_note_by_its_words() -> None:
    assert not read_mail(mail(NOTES["en"], subject="Export", reply=False)).automatic


@pytest.mark.parametrize(
    "subject", ["Abwesenheit Re: Export", "Absente jusqu’au 19 mai : Re: Export", "OOO - Re: Export"]
)
def test_a_note_before_the_answered_subject_is_automatic(subject: str) -> None:
    assert read_mail(mail("Back soon.", subject=subject)).automatic_reason == "vacation"
