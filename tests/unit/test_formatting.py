"""A reply in each channel's manner, whole sentences and steps, never over the limit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records import Author, Channel
from agent.reply.brand import Brand
from agent.reply.formatting import first_name, format_reply, without_markdown
from tests.unit.turn_fakes import BRAND, EXPORT, PASSWORD, context, message

STEPS = "1. Open the project.\n2. Select **More > Export**.\n3. Choose CSV and confirm."
LONG = "\n\n".join(f"Paragraph {n} says this and that about the product. It goes on a little." for n in range(200))
MANY_STEPS = "Follow these steps:\n\n" + "\n".join(f"{n}. Do the thing number {n} on the page." for n in range(1, 60))


def written(body: str, channel: Channel, **more: object) -> str:
    return format_reply(body, context(channel=channel, **more), BRAND, [EXPORT])  # type: ignore[arg-type]


def test_a_mail_is_formal_signed_and_names_its_ticket() -> None:
    text = written(STEPS, Channel.EMAIL)
    assert text.startswith("Dear Robin,\n\n1. Open the project.\n2. Select More > Export.\n3. Choose CSV")
    assert "From our help article “Export a project”." in text
    assert text.endswith("Kind regards,\nTechCorp Customer Success\n\nTicket reference: TF-20260302-0001")


def test_a_web_reply_has_greeting_source_and_signature_but_no_reference() -> None:
    text = written(STEPS, Channel.WEB_FORM)
    assert text.startswith("Hello Robin,")
    assert "“Export a project”" in text
    assert "TF-" not in text


def test_a_whatsapp_reply_is_short_plain_and_greets_only_once() -> None:
    first = written("Select **More > [Export](https://x.example/y)** now.", Channel.WHATSAPP)
    assert first == "Hi Robin!\nSelect More > Export now.\nMore: “Export a project”"
    later = written("Select More.", Channel.WHATSAPP, history=[message("hello", author=Author.FTE)])
    assert not later.startswith("Hi")


@pytest.mark.parametrize("body", [LONG, MANY_STEPS, "word " * 3000, "x" * 5000, STEPS])
@pytest.mark.parametrize(("channel", "limit"), [(Channel.EMAIL, 500), (Channel.WEB_FORM, 300), (Channel.WHATSAPP, 300)])
def test_no_channels_limit_is_broken(body: str, channel: Channel, limit: int) -> None:
    text = written(body, channel)
    assert text.strip()
    assert (len(text) if channel is Channel.WHATSAPP else len(text.split())) <= limit


@pytest.mark.parametrize("channel", list(Channel))
def test_what_is_too_long_ends_with_a_whole_step(channel: Channel) -> None:
    text = written(MANY_STEPS, channel)
    steps = [line for line in text.splitlines() if line[:1].isdigit()]
    assert steps
    assert all(step.endswith("on the page.") for step in steps)
    assert steps[0].startswith("1. ")
    assert "“Export a project”" in text


def test_what_is_too_long_ends_with_a_whole_sentence() -> None:
    body = written(LONG, Channel.WHATSAPP).splitlines()
    assert all(line.endswith((".", "!", "”")) for line in body if line)


def test_no_line_announces_steps_that_did_not_fit() -> None:
    intro = "This is how it works in the product, in full detail and with all that there is to know about it." * 2
    text = written(f"{intro}\nFollow these steps:\n" + "1. " + "long " * 60 + "\n2. next", Channel.WHATSAPP)
    assert "Follow these steps" not in text


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Robin Miller", "Robin"),
        ("Zoë", "Zoë"),
        ("O’Neil Pat", "O’Neil"),
        ("", ""),
        ("http://evil.example", ""),
        ("buy-now! 50%", ""),
        ("robin@example.com", ""),
        ("A" * 40, ""),
    ],
)
def test_only_a_plain_name_is_used(name: str, called: str) -> None:
    assert first_name(name) == called


def test_a_greeting_without_a_name_reads_well() -> None:
    assert written("Yes.", Channel.WEB_FORM, customer_name="").startswith("Hello,\n")
    assert written("Yes.", Channel.WHATSAPP, customer_name="").startswith("Hi!\n")


def test_the_shipped_brand_greets_a_nameless_mail_formally() -> None:
    brand = Brand.load(Path(__file__).parents[2] / "knowledge" / "brand_voice.md")
    mail = context(channel=Channel.EMAIL, customer_name="")
    assert format_reply("Yes.", mail, brand, []).startswith("Dear customer,\n")


def test_markdown_becomes_plain_text() -> None:
    source = (
        "# Title\n\nUse **bold**, _slanted_ and `code`.\n\n- one\n* two\n\n"
        "| Plan | Limit |\n|---|---|\n| Free | 5 |\n\n"
        "See [here](https://a.example/b), [there](/local) and snake_case_name.\n\n> quoted\n\n```\nfte up\n```"
    )
    assert without_markdown(source, links=True) == (
        "Title:\n\nUse bold, slanted and code.\n\n- one\n- two\n\n- Free: Limit 5\n\n"
        "See here (https://a.example/b), there and snake_case_name.\n\nquoted\n\nfte up"
    )
    assert "https" not in without_markdown(source, links=False)


def test_what_stands_on_the_line_of_a_fence_is_kept_unless_it_is_a_languages_name() -> None:
    assert without_markdown("``` Hello, this is said.", links=False) == "Hello, this is said."
    assert without_markdown("```Hello, this\n~~~ text\nfte up\n~~~", links=False) == "Hello, this\n\nfte up"
    assert without_markdown("```bash\nfte up\n```", links=False) == "fte up"


def test_a_placeholder_in_code_is_no_tag() -> None:
    text = "Send `Authorization: Bearer <token>`, <b>not</b> the password."
    assert without_markdown(text, links=True) == "Send Authorization: Bearer <token>, not the password."


def test_two_articles_are_both_cited_with_their_addresses() -> None:
    linked = replace(PASSWORD, url="https://help.example/p")
    text = format_reply("Yes.", context(channel=Channel.EMAIL), BRAND, [EXPORT, linked, EXPORT])
    assert "From our help articles “Export a project” and “Reset your password” (https://help.example/p)." in text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=2000), st.sampled_from(list(Channel)))
def test_any_text_whatever_stays_within_the_limits(body: str, channel: Channel) -> None:
    text = format_reply(body, context(channel=channel), BRAND, [EXPORT])
    assert (len(text) <= 300) if channel is Channel.WHATSAPP else (len(text.split()) <= 500)


def test_on_whatsapp_the_article_is_one_link_at_the_end_where_it_fits() -> None:
    linked = [replace(EXPORT, url="https://help.example/export"), replace(PASSWORD, url="https://help.example/p")]
    asked = context(channel=Channel.WHATSAPP, history=[message("hi", author=Author.FTE)])
    assert format_reply("Select More.", asked, BRAND, linked) == (
        "Select More.\nMore: “Export a project” https://help.example/export"
    )
    sentence = "This is how it works in the product, in all detail. "
    assert format_reply((sentence * 5).strip(), asked, BRAND, linked).endswith("\nMore: https://help.example/export")
    cut = format_reply(sentence * 9, asked, BRAND, linked)
    assert len(cut) <= 300
    assert cut.endswith("in all detail.\nMore: https://help.example/export")


ON_OUR_PAGE = replace(EXPORT, url="https://support.example/help/projects/export", on_our_page=True)


def test_a_citation_leads_to_the_section_of_a_page_of_ours() -> None:
    link = "https://support.example/help/projects/export"
    for channel in (Channel.EMAIL, Channel.WEB_FORM):
        text = format_reply("Yes.", context(channel=channel), BRAND, [ON_OUR_PAGE])
        assert f"From our help article “Export a project” ({link}#as-a-csv-file)." in text
    short = format_reply("Yes.", context(channel=Channel.WHATSAPP), BRAND, [ON_OUR_PAGE])
    assert short.endswith(f"More: “Export a project” {link}")


@pytest.mark.parametrize("host", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:80", "http://0.0.0.0:1"])
def test_an_address_of_this_machine_is_for_the_form_alone(host: str) -> None:
    local = replace(ON_OUR_PAGE, url=f"{host}/help/projects/export")
    assert f"({host}/help/projects/export#as-a-csv-file)" in format_reply(
        "Yes.", context(channel=Channel.WEB_FORM), BRAND, [local]
    )
    for channel in (Channel.EMAIL, Channel.WHATSAPP):
        text = format_reply("Yes.", context(channel=channel), BRAND, [local])
        assert "http" not in text
        assert "“Export a project”" in text
