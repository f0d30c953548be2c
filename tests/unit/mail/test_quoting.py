"""The customer's new words are found under, over and among quotes, in many clients and languages."""

from __future__ import annotations

import pytest

from channels.mail.reading import read_mail
from tests.unit.mail.samples import ANSWER, QUESTION, html, mail

ATTRIBUTIONS = {
    "gmail-english": "On Mon, May 5, 2025 at 10:12 AM Support <support@example.net> wrote:",
    "gmail-english-british": "On Mon, 5 May 2025 at 10:12, Support <support@example.net> wrote:",
    "gmail-english-wrapped": "On Mon, May 5, 2025 at 10:12 AM The very long name of a support team <\nsupport@example.net> wrote:",
    "gmail-german": "Am Mo., 5. Mai 2025 um 10:12 Uhr schrieb Support <support@example.net>:",
    "gmail-german-wrapped": 'Am 05.05.2025 10:12 schrieb "Support-Team der Firma" <support@example.net\n>:',
    "gmail-french": "Le lun. 5 mai 2025 à 10:12, Support <support@example.net> a écrit :",
    "gmail-spanish": "El lun, 5 may 2025 a las 10:12, Support (<support@example.net>) escribió:",
    "gmail-italian": "Il giorno lun 5 mag 2025 alle ore 10:12 Support <support@example.net> ha scritto:",
    "gmail-portuguese": "Em seg., 5 de mai. de 2025 às 10:12, Support <support@example.net> escreveu:",
    "gmail-dutch": "Op ma 5 mei 2025 om 10:12 schreef Support <support@example.net>:",
    "gmail-swedish": "Den mån 5 maj 2025 kl 10:12 skrev Support <support@example.net>:",
    "gmail-danish": "Den man. 5. maj 2025 kl. 10.12 skrev Support <support@example.net>:",
    "gmail-norwegian": "man. 5. mai 2025 kl. 10:12 skrev Support <support@example.net>:",
    "gmail-finnish": "ma 5. toukok. 2025 klo 10.12 Support (support@example.net) kirjoitti:",
    "gmail-polish": "pon., 5 maj 2025 o 10:12 Support <support@example.net> napisał(a):",
    "gmail-czech": "po 5. 5. 2025 v 10:12 odesílatel Support <support@example.net> napsal:",
    "gmail-slovak": "po 5. 5. 2025 o 10:12 Support <support@example.net> napísal(a):",
    "gmail-hungarian": "Support <support@example.net> ezt írta (időpont: 2025. máj. 5., H, 10:12):",
    "gmail-romanian": "În lun., 5 mai 2025 la 10:12, Support <support@example.net> a scris:",
    "gmail-russian": "пн, 5 мая 2025 г. в 10:12, Support <support@example.net>:",
    "gmail-ukrainian": "пн, 5 трав. 2025 р. о 10:12 Support <support@example.net> пише:",
    "gmail-bulgarian": "На пн, 5.05.2025 г. в 10:12 Support <support@example.net> написа:",
    "gmail-greek": "Στις Δευ 5 Μαΐ 2025 στις 10:12 π.μ., ο χρήστης Support <support@example.net> έγραψε:",
    "gmail-turkish": "Support <support@example.net>, 5 May 2025 Pzt, 10:12 tarihinde şunu yazdı:",
    "gmail-hebrew": "\u202bבתאריך יום ב׳, 5 במאי 2025 ב-10:12 מאת \u202aSupport\u202c\u200f <\u202asupport@example.net\u202c\u200f>:\u202c",
    "gmail-arabic": "في الاثنين، ٥ مايو ٢٠٢٥ في ١٠:١٢ ص تمت كتابة ما يلي بواسطة \u202aSupport\u202c\u200f <\u202asupport@example.net\u202c\u200f>:",
    "gmail-japanese": "2025年5月5日(月) 10:12 Support <support@example.net>:",
    "gmail-korean": "2025년 5월 5일 (월) 오전 10:12, Support <support@example.net>님이 작성:",
    "gmail-chinese": "Support <support@example.net> 于2025年5月5日周一 10:12写道：",
    "gmail-taiwanese": "Support <support@example.net> 於 2025年5月5日 週一 上午10:12寫道：",
    "gmail-vietnamese": "Vào Th 2, 5 thg 5, 2025 vào lúc 10:12 Support <support@example.net> đã viết:",
    "gmail-indonesian": "Pada Sen, 5 Mei 2025 pukul 10.12 Support <support@example.net> menulis:",
    "gmail-thai": "ในวันที่ จ. 5 พ.ค. 2025 เวลา 10:12 Support <support@example.net> เขียนว่า:",
    "gmail-old-international": "2025-05-05 10:12 GMT+02:00 Support <support@example.net>:",
    "tuta-english": "5 May 2025, 10:12 by support@example.net:",
    "tuta-american": "May 5, 2025, 10:12 by support@example.net:",
    "tuta-german": "5. Mai 2025, 10:12 von support@example.net:",
    "tuta-french": "5 mai 2025, 10:12 de support@example.net:",
    "apple-english": "On 5 May 2025, at 10:12, Support <support@example.net> wrote:",
    "apple-german": "Am 05.05.2025 um 10:12 schrieb Support <support@example.net>:",
    "apple-french": "Le 5 mai 2025 à 10:12, Support <support@example.net> a écrit :",
    "apple-spanish": "El 5 may 2025, a las 10:12, Support <support@example.net> escribió:",
    "apple-italian": "Il giorno 5 mag 2025, alle ore 10:12, Support <support@example.net> ha scritto:",
    "apple-dutch": "Op 5 mei 2025, om 10:12 heeft Support <support@example.net> het volgende geschreven:",
    "thunderbird-english": "On 5/5/25 10:12, Support wrote:",
    "thunderbird-german": "Am 05.05.25 um 10:12 schrieb Support:",
    "thunderbird-french": "Le 05/05/2025 à 10:12, Support a écrit :",
    "thunderbird-polish": "W dniu 05.05.2025 o 10:12, Support pisze:",
    "thunderbird-russian": "05.05.2025 10:12, Support пишет:",
    "thunderbird-czech": "Dne 05. 05. 25 v 10:12 Support napsal(a):",
    "yahoo-english": "On Monday, May 5, 2025 at 10:12:00 AM GMT+2, Support <support@example.net> wrote:",
    "yahoo-french": "Le lundi 5 mai 2025 à 10:12:00 UTC+2, Support <support@example.net> a écrit :",
    "yandex": '05.05.2025, 10:12, "Support" <support@example.net>:',
    "mail.ru": "Понедельник, 5 мая 2025, 10:12 +03:00 от Support <support@example.net>:",
    "163.com": 'At 2025-05-05 10:12:00, "Support" <support@example.net> wrote:',
    "163.com-chinese": '在 2025-05-05 10:12:00，"Support" <support@example.net> 写道：',
    "zoho": "---- On Mon, 05 May 2025 10:12:00 +0200 Support <support@example.net> wrote ----",
    "android-german": "---- Support schrieb ----",
    "gmail-bengali": "সোম, ৫ মে, ২০২৫ তারিখে ১০:১২ AM টায় Support <support@example.net> লিখেছেন:",
    "gmail-urdu": "پیر، 5 مئی 2025 کو 10:12 AM پر Support <support@example.net> نے لکھا:",
    "gmail-tamil": "திங்., 5 மே, 2025, முற்பகல் 10:12 அன்று, Support <support@example.net> எழுதியது:",
    "gmail-latvian": "pirmd., 2025. g. 5. maijs, plkst. 10:12 — lietotājs Support (<support@example.net>) rakstīja:",
    "gmail-basque": "Support <support@example.net> igorleak hau idatzi du (2025(e)ko mai. 5(a), al. (10:12)):",
    "gmail-filipino": "Noong Lun, Mayo 5, 2025 nang 10:12 AM, sinulat ni/ng Support <support@example.net>:",
    "open-xchange": "Il 05/05/2025 10:12 CEST Support <support@example.net> ha scritto:",
    "evolution-german": "Am Montag, dem 05.05.2025 um 10:12 +0200 schrieb Support:",
    "claws": "On Mon, 5 May 2025 10:12:03 +0200\nSupport <support@example.net> wrote:",
    "mutt": "* Support <support@example.net> [2025-05-05 10:12]:",
    "notes-like": "Support <support@example.net> wrote on 05/05/2025 10:12:00 AM:",
}

HEADER_BLOCKS = {
    "english": "From: Support <support@example.net>\nSent: Monday, May 5, 2025 10:12 AM\nTo: Ada Sample\nSubject: RE: Export",
    "english-bold": "*From:* Support <support@example.net>\n*Sent:* Monday, May 5, 2025 10:12 AM\n*To:* Ada Sample\n*Subject:* RE: Export",
    "german": "Von: Support <support@example.net>\nGesendet: Montag, 5. Mai 2025 10:12\nAn: Ada Sample\nBetreff: AW: Export",
    "french": "De : Support <support@example.net>\nEnvoyé : lundi 5 mai 2025 10:12\nÀ : Ada Sample\nObjet : RE: Export",
    "spanish": "De: Support <support@example.net>\nEnviado el: lunes, 5 de mayo de 2025 10:12\nPara: Ada Sample\nAsunto: RE: Export",
    "italian": "Da: Support <support@example.net>\nInviato: lunedì 5 maggio 2025 10:12\nA: Ada Sample\nOggetto: R: Export",
    "portuguese": "De: Support <support@example.net>\nEnviado: segunda-feira, 5 de maio de 2025 10:12\nPara: Ada Sample\nAssunto: RE: Export",
    "dutch": "Van: Support <support@example.net>\nVerzonden: maandag 5 mei 2025 10:12\nAan: Ada Sample\nOnderwerp: RE: Export",
    "swedish": "Från: Support <support@example.net>\nSkickat: den 5 maj 2025 10:12\nTill: Ada Sample\nÄmne: SV: Export",
    "danish": "Fra: Support <support@example.net>\nSendt: 5. maj 2025 10:12\nTil: Ada Sample\nEmne: SV: Export",
    "finnish": "Lähettäjä: Support <support@example.net>\nLähetetty: maanantai 5. toukokuuta 2025 10.12\nVastaanottaja: Ada Sample\nAihe: VS: Export",
    "polish": "Od: Support <support@example.net>\nWysłano: poniedziałek, 5 maja 2025 10:12\nDo: Ada Sample\nTemat: ODP: Export",
    "czech": "Od: Support <support@example.net>\nOdesláno: pondělí 5. května 2025 10:12\nKomu: Ada Sample\nPředmět: RE: Export",
    "hungarian": "Feladó: Support <support@example.net>\nElküldve: 2025. május 5., hétfő 10:12\nCímzett: Ada Sample\nTárgy: RE: Export",
    "romanian": "De la: Support <support@example.net>\nTrimis: luni, 5 mai 2025 10:12\nCătre: Ada Sample\nSubiect: RE: Export",
    "russian": "От: Support <support@example.net>\nОтправлено: 5 мая 2025 г. 10:12\nКому: Ada Sample\nТема: RE: Export",
    "ukrainian": "Від: Support <support@example.net>\nНадіслано: 5 травня 2025 р. 10:12\nКому: Ada Sample\nТема: RE: Export",
    "greek": "Από: Support <support@example.net>\nΣτάλθηκε: Δευτέρα, 5 Μαΐου 2025 10:12\nΠρος: Ada Sample\nΘέμα: RE: Export",
    "turkish": "Kimden: Support <support@example.net>\nGönderildi: 5 Mayıs 2025 Pazartesi 10:12\nKime: Ada Sample\nKonu: YNT: Export",
    "hebrew": "מאת: Support <support@example.net>\nנשלח: יום שני 5 מאי 2025 10:12\nאל: Ada Sample\nנושא: RE: Export",
    "arabic": "من: Support <support@example.net>\nتاريخ الإرسال: 05 مايو, 2025 10:12\nإلى: Ada Sample\nالموضوع: RE: Export",
    "japanese": "差出人: Support <support@example.net>\n送信日時: 2025年5月5日 10:12\n宛先: Ada Sample\n件名: RE: Export",
    "korean": "보낸 사람: Support <support@example.net>\n보낸 날짜: 2025년 5월 5일 월요일 10:12\n받는 사람: Ada Sample\n제목: RE: Export",
    "chinese": "发件人: Support <support@example.net>\n发送时间: 2025年5月5日 10:12\n收件人: Ada Sample\n主题: RE: Export",
    "foxmail": "发件人： Support\n发送时间： 2025-05-05 10:12\n收件人： ada\n主题： Re: Export",
    "taiwanese": "寄件者: Support <support@example.net>\n寄件日期: 2025年5月5日 上午 10:12\n收件者: Ada Sample\n主旨: RE: Export",
    "vietnamese": "Từ: Support <support@example.net>\nĐã gửi: Thứ Hai, 5 Tháng Năm, 2025 10:12\nĐến: Ada Sample\nChủ đề: RE: Export",
    "serbian-cyrillic": "Шаље: Support <support@example.net>\nПослато: понедељак, 5. мај 2025. 10:12\nЗа: Ada Sample\nТема: Re: Export",
    "malay": "Daripada: Support <support@example.net>\nDihantar: Isnin, 5 Mei 2025 10:12\nKepada: Ada Sample\nSubjek: Re: Export",
    "kazakh": "Кімнен: Support <support@example.net>\nЖіберілді: 5 мамыр 2025 10:12\nКімге: Ada Sample\nТақырып: Re: Export",
    "estonian": "Saatja: Support <support@example.net>\nSaadetud: esmaspäev, 5. mai 2025 10:12\nAdressaat: Ada Sample\nTeema: Re: Export",
    "a language that nobody listed": "Oddi wrth: Support <support@example.net>\nAnfonwyd: 05 Mai 2025 10:12\nAt: Ada Sample\nPwnc: RE: Export",
    "under-a-rule": "________________________________\nFrom: Support <support@example.net>\nSent: Monday, May 5, 2025 10:12\nTo: Ada\nSubject: Re: Export",
    "date-first": "Date: Mon, 5 May 2025 10:12:00 +0200\nFrom: support@example.net\nTo: ada@example.com\nSubject: Re: Export",
    "wrapped": "From: Support <support@example.net>\nSent: Monday, May 5, 2025 10:12 AM\nTo: Ada Sample <ada@example.com>; Bob Sample <bob@example.com>;\n Carol Sample <carol@example.com>\nSubject: RE: Export",
}

ORIGINAL_MESSAGES = {
    "aol": "-----Original Message-----",
    "german": "-----Ursprüngliche Nachricht-----",
    "samsung": "-------- Original message --------",
    "web.de": "Gesendet: Montag, 05. Mai 2025 um 10:12 Uhr",
    "proton": "‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐",
    "french": "----- Message d'origine -----",
    "spanish": "----- Mensaje original -----",
    "italian": "----Messaggio originale----",
    "danish": "-------- Oprindelig besked --------",
    "qq": "------------------ 原始邮件 ------------------",
}


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
def test_the_line_over_a_marked_quote_goes_with_it(attribution: str) -> None:
    read = read_mail(mail(f"{QUESTION}\n\n{attribution}\n\n> {ANSWER}\n> Regards"))
    assert read.text == QUESTION
    assert read.quoted_removed
    assert ANSWER in read.full_text


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
def test_the_line_over_an_unmarked_quote_takes_it_along(attribution: str) -> None:
    read = read_mail(mail(f"{QUESTION}\n\n{attribution}\n\n{ANSWER}\nRegards"))
    assert read.text == QUESTION


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
def test_words_under_a_quote_are_the_customers(attribution: str) -> None:
    read = read_mail(mail(f"{attribution}\n> {ANSWER}\n> Regards\n\n{QUESTION}"))
    assert read.text == QUESTION
    assert read.quoted_removed


@pytest.mark.parametrize("block", HEADER_BLOCKS.values(), ids=HEADER_BLOCKS)
def test_a_block_of_headers_begins_the_quoted_mail(block: str) -> None:
    read = read_mail(mail(f"{QUESTION}\n\n{block}\n\n{ANSWER}\n\nSecond paragraph: more."))
    assert read.text == QUESTION
    assert read.quoted_removed


@pytest.mark.parametrize("separator", ORIGINAL_MESSAGES.values(), ids=ORIGINAL_MESSAGES)
def test_a_separator_begins_the_quoted_mail(separator: str) -> None:
    block = "Von: Support <support@example.net>\nAn: Ada\nBetreff: Export"
    assert read_mail(mail(f"{QUESTION}\n\n{separator}\n{block}\n\n{ANSWER}")).text == QUESTION


def test_answers_among_the_quotes_are_kept_in_order() -> None:
    body = (
        "On Mon, May 5, 2025 at 10:12 AM Support <support@example.net> wrote:\n"
        "> Which browser do you use?\n\nFirefox 128.\n\n> Since when does it fail?\n\nSince Monday: every time.\n"
    )
    assert read_mail(mail(body)).text == "Firefox 128.\n\nSince Monday: every time."


def test_short_answers_right_under_short_quotes_are_kept() -> None:
    body = "> Do you use a Mac?\nyes\n> Which version?\nthe newest one\n> Thanks\n"
    assert read_mail(mail(body)).text == "yes\n\nthe newest one"


def test_the_broken_end_of_a_quoted_line_is_no_answer() -> None:
    body = (
        "Thanks.\n\nOn Mon, May 5, 2025 at 10:12 AM Support <support@example.net> wrote:\n"
        "> You can export your board from the menu at its top right, where the three dots\nare shown.\n> Regards\n"
    )
    assert read_mail(mail(body)).text == "Thanks."


def test_yahoos_line_that_runs_on_into_the_quote_takes_it_along() -> None:
    line = "  On Mon, 5 May 2025 at 10:12, Support<support@example.net> wrote:   Dear Ada, this is old."
    read = read_mail(mail(f"{ANSWER}\n\nSent from Yahoo Mail on Android\n \n{line}\nAnd so is this.\n"))
    assert (read.text, read.quoted_removed) == (ANSWER, True)


@pytest.mark.parametrize(
    "line",
    [
        ">>> Support <support@example.net> 05.05.2025 10:12 >>>",
        '>>> "Support" <support@example.net> schrieb am 5.5.2025 um 10:12 in Nachricht <abc@example.net>:',
    ],
)
def test_groupwises_line_over_an_unmarked_quote_takes_it_along(line: str) -> None:
    read = read_mail(mail(f"{QUESTION}\n\n{line}\n\n{ANSWER}\n"))
    assert (read.text, read.quoted_removed) == (QUESTION, True)


def test_words_under_a_quote_that_ends_so_deep_are_the_customers() -> None:
    quote = "> > It works.\n>>> On Mon, 5 May 2025 10:12, Bob <bob@example.com> wrote:"
    assert read_mail(mail(f"{quote}\n\n{QUESTION}\n")).text == QUESTION


def test_a_mail_that_is_pasted_into_a_first_mail_about_something_else_is_the_customers() -> None:
    log = "Date: 2025-05-05\nFrom: exporter@example.com\nTo: admin@example.com\nSubject: Export failed"
    text = f"I get this mail:\n\n{log}\n\nTraceback\n\nWhat is wrong?"
    assert read_mail(mail(text, subject="Strange mails", reply=False)).text == text
    assert read_mail(mail(text, subject="Export failed", reply=False)).text == "I get this mail:"
    for words in ("Hi, can you look into the mail below?", "Siehe unten", "I get the following each day."):
        text = f"{words}\n\n{log}\n\nTraceback"
        assert read_mail(mail(text, subject="Strange mails", reply=False)).text == text


PASTED = "From: Shop <shop@example.org>\nSent: Monday, May 5, 2025 10:12 AM\nTo: ada@example.com\nSubject: Your invoice"


@pytest.mark.parametrize("subject", ["Re: Export", "Export"])
@pytest.mark.parametrize("words", ["I got this mail:", "Hello, this arrived today.", "Look at this one"])
def test_words_after_a_strangers_mail_that_is_pasted_into_an_answer_are_not_lost(subject: str, words: str) -> None:
    text = f"{words}\n\n{PASTED}\n\nPlease pay 12 EUR.\n\n{QUESTION}"
    read = read_mail(mail(text, subject=subject))
    assert (read.text, read.quoted_removed) == (text, False)


def test_words_after_our_own_mail_that_is_pasted_under_a_colon_are_not_lost() -> None:
    block = HEADER_BLOCKS["english"]
    text = f"You wrote me this:\n\n{block}\n\n{ANSWER}\n\nBut there is no such entry in the menu."
    assert read_mail(mail(text)).text == text
    for rule in ("________________________________\n", "-------------------------\n"):
        assert read_mail(mail(f"My answers:\n\n{rule}{block}\n\n{ANSWER}")).text == "My answers:"


def test_a_program_quotes_who_is_answered_whatever_the_subject_became() -> None:
    for block in (HEADER_BLOCKS["english"], HEADER_BLOCKS["german"].replace("support@", "Support.Team@")):
        read = read_mail(mail(f"{QUESTION}\n\n{block}\n\n{ANSWER}", subject="A new question"))
        assert (read.text, read.quoted_removed) == (QUESTION, True)


@pytest.mark.parametrize(
    "block", [HEADER_BLOCKS["english"], HEADER_BLOCKS["german"], PASTED, "-----Original Message-----"]
)
@pytest.mark.parametrize("rest", ["", f"\n\n{ANSWER}", f"\n\n> {ANSWER}"])
@pytest.mark.parametrize("above", ["", "Sent from my iPhone\n\n"])
@pytest.mark.parametrize("reply", [True, False])
def test_a_mail_of_a_quoted_mail_alone_is_not_empty(block: str, rest: str, above: str, reply: bool) -> None:
    read = read_mail(mail(f"{above}{block}{rest}", reply=reply))
    assert read.text
    assert not rest or ANSWER in read.text


def test_a_line_that_a_server_marked_for_its_first_word_is_the_customers() -> None:
    quote = f"On 5 May 2025, at 10:12, Support <support@example.net> wrote:\n> {ANSWER}\n>From Monday on.\n> Regards"
    assert read_mail(mail(f"I tried.\n\n>From here I cannot go on.\n\n{quote}")).text == (
        "I tried.\n\nFrom here I cannot go on."
    )


def test_headers_on_the_line_of_the_separator_are_a_quote() -> None:
    line = (
        "-------- Original message --------From: Support <support@example.net> Date: 5/5/25  10:12  (GMT+01:00) "
        "To: Ada <ada@example.com> Subject: Re: Export"
    )
    assert read_mail(mail(f"{QUESTION}\n\nSent from my Galaxy\n{line}\n{ANSWER}")).text == QUESTION


def test_labels_that_are_spaced_to_one_width_are_labels() -> None:
    block = (
        "------------------------------------------------------------------\n发件人：Support <support@example.net>\n"
        "日　期：2025年05月05日 10:12:00\n收件人：ada<ada@example.com>\n主　题：回复：Export"
    )
    marked = "\n".join(f"> {line}" for line in ANSWER.splitlines())
    assert read_mail(mail(f"{block}\n{marked}\n\n{QUESTION}")).text == QUESTION


def test_who_writes_of_a_letter_at_a_time_quotes_nobody() -> None:
    text = "5 May 2025, 10:12 I wrote to ada@example.com:\nnobody answered."
    assert read_mail(mail(text)).text == text


def test_labelled_lines_that_repeat_no_subject_are_the_customers() -> None:
    text = "Contact: ada@example.com\nWhen: 5 May 2025 10:12\nWhere: Berlin\nWhat: Boards\n\nIs that possible?"
    assert read_mail(mail(text)).text == text


def test_a_signature_is_taken_off_with_the_notice_under_it() -> None:
    notice = "\n".join(f"NOTICE: confidential, privileged, intended only, please delete it, line {n}" for n in range(9))
    signature = "\n".join(["-- ", "Ada Sample", *(f"line {n}" for n in range(8))])
    assert read_mail(mail(f"{QUESTION}\n{signature}\n\n{notice}", reply=False)).text == QUESTION


def test_a_line_to_reply_above_ends_the_new_words() -> None:
    body = f"{QUESTION}\n\n##- Please type your reply above this line -##\n\nYour request has been updated.\n{ANSWER}"
    assert read_mail(mail(body)).text == QUESTION


@pytest.mark.parametrize(
    "line",
    [
        "On Monday I wrote: nobody answered.",
        "On your help page it says: export is in the menu.",
        "From: Berlin",
        "Subject: the colour of labels",
        "On 5 May 2025 I called you and was told:",
        "On May 5 your colleague said: wait two days:",
        "To: whom it may concern",
        "Le 5 mai j'ai écrit :",
        "Am Montag habe ich geschrieben:",
        "Note: the export fails at 10:30:",
        "Error 500 at 2025-05-05 10:12:",
        "Please write to bob@example.com:",
        "> Settings > Export is greyed out",
        "--- see below ---",
        "Steps:",
    ],
)
def test_a_customers_line_survives(line: str) -> None:
    body = f"Hello,\n{line}\nPlease help me with it.\nAda"
    for reply in (True, False):
        read = read_mail(mail(body, reply=reply, subject="Export"))
        assert line.removeprefix("> ") in read.text if not reply or line[0] != ">" else True
        assert "Please help me with it." in read.text


def test_a_pasted_block_that_only_looks_like_headers_survives() -> None:
    body = "My trip:\nFrom: Berlin\nTo: Munich\nDate: 5 May\n\nPlease put it on my board."
    assert read_mail(mail(body)).text == body


def test_a_few_marked_lines_of_a_first_mail_are_the_customers() -> None:
    body = "I typed this:\n> export all\n\nand nothing happened."
    read = read_mail(mail(body, reply=False, subject="Export"))
    assert read.text == body
    assert not read.quoted_removed


def test_a_mail_of_quotes_alone_is_not_empty() -> None:
    body = f"> {ANSWER}\n> Regards"
    read = read_mail(mail(body))
    assert read.text == body
    assert not read.quoted_removed


def test_a_mail_with_nothing_but_a_device_line_over_the_quote_is_not_empty() -> None:
    body = f"Sent from my iPhone\n\nOn 5 May 2025, at 10:12, Support <support@example.net> wrote:\n\n> {ANSWER}"
    assert ANSWER in read_mail(mail(body)).text


@pytest.mark.parametrize(
    "separator",
    [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "---------- Weitergeleitete Nachricht ----------",
        "-------- Message transféré --------",
        "-----Original Message-----",
    ],
)
def test_a_forwarded_mail_is_the_customers_to_show(separator: str) -> None:
    body = (
        f"Is this from you?\n\n{separator}\nFrom: Shop <shop@example.org>\nDate: Mon, 5 May 2025 10:12\n"
        "Subject: Your invoice\nTo: ada@example.com\n\nPlease pay 12 EUR."
    )
    read = read_mail(mail(body, subject="Fwd: Your invoice", reply=False))
    assert "Is this from you?" in read.text
    assert "Please pay 12 EUR." in read.text


SIGNATURES = {
    "delimiter": "-- \nAda Sample\nExample Ltd",
    "delimiter-without-space": "--\nAda Sample",
    "iphone": "Sent from my iPhone",
    "iphone-german": "Von meinem iPhone gesendet",
    "iphone-french": "Envoyé de mon iPhone",
    "iphone-spanish": "Enviado desde mi iPhone",
    "iphone-italian": "Inviato da iPhone",
    "iphone-dutch": "Verstuurd vanaf mijn iPhone",
    "iphone-swedish": "Skickat från min iPhone",
    "iphone-danish": "Sendt fra min iPhone",
    "iphone-polish": "Wysłane z iPhone'a",
    "iphone-russian": "Отправлено с iPhone",
    "iphone-turkish": "iPhone'umdan gönderildi",
    "iphone-japanese": "iPhoneから送信",
    "iphone-chinese": "发自我的 iPhone",
    "iphone-korean": "나의 iPhone에서 보냄",
    "iphone-finnish": "Lähetetty iPhonesta",
    "iphone-hungarian": "Elküldve az iPhone-omról",
    "iphone-czech": "Odesláno z iPhonu",
    "iphone-lithuanian": "Išsiųsta iš mano „iPhone“",
    "iphone-hindi": "मेरे iPhone से भेजा गया",
    "samsung-finnish": "Lähetetty Samsung Galaxy -älypuhelimesta",
    "environment": "Please consider the environment before printing this email.",
    "android": "Sent from my Samsung Galaxy smartphone.",
    "outlook-ios": "Get Outlook for iOS<https://aka.ms/o0ukef>",
    "outlook-german": "Holen Sie sich Outlook für Android",
    "yahoo": "Sent from Yahoo Mail on Android",
    "windows": "Sent from Mail for Windows",
    "k-9": "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
    "proton": "Sent with Proton Mail secure email.",
    "two": "Sent from my iPhone\n\nGet Outlook for iOS",
    "mailing-list": "_______________________________________________\nusers mailing list\nusers@lists.example.org",
    "legal": (
        "This e-mail and any attachments are confidential and intended only for the named addressee. If you have\n"
        "received this email in error, please notify the sender and delete it. Any disclosure is unauthorised."
    ),
    "scanned": "This email has been scanned for viruses and spam.",
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
@pytest.mark.parametrize(
    "quote", ["", f"\n\nOn 5 May 2025, at 10:12, Support <support@example.net> wrote:\n\n> {ANSWER}"]
)
def test_a_sure_signature_is_taken_off(signature: str, quote: str) -> None:
    assert read_mail(mail(f"{QUESTION}\n\n{signature}{quote}")).text == QUESTION


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my desk, is much easier than my phone.",
        "The mail was sent from my iPhone to your office",
        "-- first point needs a check",
        "Thanks,\nAda Sample",
        "Is this confidential? I was told it is intended only for the owner, and you would delete it if I notify the sender",
    ],
)
def test_what_only_resembles_a_signature_stays(line: str) -> None:
    assert line in read_mail(mail(f"{QUESTION}\n\n{line}")).text


@pytest.mark.parametrize(
    "body",
    [
        "My question\n--\nHow do I export a board?",
        "Export\n--\nThe export of my board fails.\nIt says error 504.",
        "Two things.\n\n--\n\nplease move my board to the other workspace",
        "Hallo,\n--\nich möchte mein Board exportieren, das geht aber nicht",
        "First\n--\nThe board\n\nSecond\n--\nThe list",
        "First\n--\nThe board\n--\nAda",
        "你好\n--\n我无法导出我的看板因为菜单里没有这个选项请帮忙",
        "Steps\n--\n" + "\n".join(f"Step {n}" for n in range(10)),
    ],
)
@pytest.mark.parametrize(
    "quote", ["", f"\n\nOn 5 May 2025, at 10:12, Support <support@example.net> wrote:\n\n> {ANSWER}"]
)
def test_dashes_that_divide_the_customers_own_text_end_nothing(body: str, quote: str) -> None:
    assert read_mail(mail(body + quote)).text == body


@pytest.mark.parametrize(
    "signature",
    [
        "--\nAda Sample\nHead of Sales | Example GmbH\n+49 30 1234567\nhttps://www.example.com/?utm=mail\nada@example.com",
        "--\nAda",
        "--\n\nAda Sample\n\nSitz der Gesellschaft: Berlin, Amtsgericht Charlottenburg, HRB 1234",
        "--\n王小明",
        "-- \nHow do you like our new product? Tell us!",
    ],
)
def test_a_signature_under_dashes_is_taken_off(signature: str) -> None:
    assert read_mail(mail(f"{QUESTION}\n{signature}")).text == QUESTION


@pytest.mark.parametrize("rest", ["\n".join(["--"] * 20_000), "a" * 400_000, "1 " * 200_000, "a@" * 200_000])
def test_dashes_over_a_text_without_end_cost_no_time(rest: str) -> None:
    assert read_mail(mail(f"Hello\n--\n{rest}\nAda")).text.startswith("Hello")


def test_a_warning_of_a_mail_server_over_the_text_is_taken_off() -> None:
    banner = "CAUTION: This email originated from outside of the organization. Do not click links."
    assert read_mail(mail(f"{banner}\n\n{QUESTION}")).text == QUESTION


OWN_HTML = "<div>I cannot export my board.<br>What can I do?</div>"
HTML_QUOTES = {
    "gmail": '<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Mon, May 5, 2025 at'
    ' 10:12 AM Support &lt;<a href="mailto:support@example.net">support@example.net</a>&gt; wrote:<br></div><blockquote'
    f' class="gmail_quote" style="border-left:1px solid #ccc"><div>{ANSWER}</div></blockquote></div>',
    "gmail-unknown-language": '<div class="gmail_quote"><div class="gmail_attr">Blah 5 blih bluh Support</div>'
    f'<blockquote class="gmail_quote">{ANSWER}</blockquote></div>',
    "apple": '<br><div><blockquote type="cite"><div>On 5 May 2025, at 10:12, Support wrote:</div><br>'
    f"<div>{ANSWER}</div></blockquote></div>",
    "thunderbird": '<div class="moz-cite-prefix">Am 05.05.25 um 10:12 schrieb Support:<br></div>'
    f'<blockquote type="cite" cite="mid:x@example.net"><p>{ANSWER}</p></blockquote>',
    "yahoo": '<div id="yahoo_quoted_123" class="yahoo_quoted"><div>On Monday, May 5, 2025, Support wrote:</div>'
    f"<div>{ANSWER}</div></div>",
    "yahoo-new": '<div id="ydp4d8c1a2yahoo_quoted_99" class="ydp4d8c1a2yahoo_quoted"><div>Am Montag schrieb Support:</div>'
    f"<div>{ANSWER}</div></div>",
    "outlook-web": '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div'
    ' id="divRplyFwdMsg" dir="ltr"><b>Lähettäjä:</b> Support &lt;support@example.net&gt;<br><b>Lähetetty:</b> 5. toukokuuta'
    f" 2025 10.12<br><b>Aihe:</b> VS: Export</div><div>{ANSWER}</div>",
    "outlook-desktop": "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'>"
    "<p class=MsoNormal><b>From:</b> Support &lt;support@example.net&gt;<br><b>Sent:</b> Monday, May 5, 2025 10:12 AM<br>"
    f"<b>To:</b> Ada<br><b>Subject:</b> RE: Export</p></div></div><p class=MsoNormal>{ANSWER}</p>",
    "outlook-mobile": '<div id="mail-editor-reference-message-container"><div>From: Support</div><div>'
    + ANSWER
    + "</div></div>",
    "outlook-mac": f'<span id="OLK_SRC_BODY_SECTION"><div>From: Support<br>Date: 5 May</div><div>{ANSWER}</div></span>',
    "hotmail": '<hr id="stopSpelling">Date: Mon, 5 May 2025 10:12:00 +0200<br>From: support@example.net<br>'
    f"To: ada@example.com<br>Subject: Re: Export<br><br>{ANSWER}",
    "zimbra": f'<hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__"><b>From: </b>"Support"</div>{ANSWER}',
    "proton": '<div class="protonmail_quote">On Monday, Support wrote:<br><blockquote class="protonmail_quote"'
    f' type="cite">{ANSWER}</blockquote></div>',
    "gmx": f'<div name="quote" style="border-left:2px solid"><div>Gesendet: Montag</div><div>{ANSWER}</div></div>',
    "front": f'<blockquote class="front-blockquote">{ANSWER}</blockquote>',
    "mail.ru": "Понедельник, 5 мая 2025, 10:12 +03:00 от Support &lt;support@example.net&gt;:<br>"
    f'<blockquote style="border-left:1px solid #0857A6">{ANSWER}</blockquote>',
    "plain-in-html": f"<div>&gt; {ANSWER}<br>&gt; Regards</div>",
    "spark": f'<div name="messageReplySection">On 5 May 2025, Support wrote:<br><blockquote type="cite">{ANSWER}</blockquote></div>',
}


@pytest.mark.parametrize("quote", HTML_QUOTES.values(), ids=HTML_QUOTES)
def test_the_quote_of_an_html_mail_is_found(quote: str) -> None:
    read = read_mail(html(f"<html><body>{OWN_HTML}{quote}</body></html>"))
    assert read.text == QUESTION
    assert read.html_only
    assert read.quoted_removed
    assert ANSWER in read.full_text


def test_words_between_the_pieces_of_an_html_quote_are_kept() -> None:
    body = (
        '<div class="gmail_quote"><div class="gmail_attr">On Mon, May 5, 2025 at 10:12 AM Support '
        "&lt;support@example.net&gt; wrote:</div>"
        '<blockquote class="gmail_quote">Which browser?</blockquote><div>Firefox 128.</div>'
        '<blockquote class="gmail_quote">Since when?</blockquote><div>Since Monday.</div></div>'
    )
    assert read_mail(html(body)).text == "Firefox 128.\n\nSince Monday."


def test_gmails_wrapper_without_a_quote_in_it_holds_the_customers_words() -> None:
    body = '<div class="gmail_quote"><div>I cannot export my board.</div><div>What can I do?</div></div>'
    assert read_mail(html(body)).text == QUESTION


def test_the_signature_elements_of_clients_are_taken_off() -> None:
    for signature in (
        '<div class="gmail_signature">Ada<br>Example Ltd</div>',
        '<div id="ms-outlook-mobile-signature">Get Outlook</div>',
        '<div id="Signature"><div>Ada Sample</div><div>CTO</div></div>',
        '<div name="messageSignatureSection"><div>Ada Sample</div></div>',
        '<pre class="moz-signature">-- <br>Ada</pre>',
    ):
        assert read_mail(html(f"{OWN_HTML}{signature}")).text == QUESTION


def test_an_html_mail_that_is_a_signature_alone_is_not_empty() -> None:
    assert read_mail(html('<div class="gmail_signature">Ada</div>')).text == "Ada"
