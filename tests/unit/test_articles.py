"""Knowledge files of every shape become articles, and what cannot is named."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput
from agent.knowledge.articles import parse_article, read_articles
from agent.knowledge.markup import plain_text


def body_of(markdown: str, name: str = "page.mdx") -> str:
    return parse_article(name, markdown.encode()).body


def test_front_matter_gives_title_date_and_address() -> None:
    article = parse_article(
        "teams/sso.md",
        b"---\ntitle: Single sign-on\nlast_verified_at: 2026-10-21\nurl: https://help.example/sso\n---\nText.\n",
    )
    assert (article.slug, article.title, article.body) == ("teams/sso", "Single sign-on", "Text.")
    assert article.last_verified_at == datetime(2026, 10, 21, tzinfo=UTC)
    assert article.url == "https://help.example/sso"


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "# First *heading* {#top}\n\ntext", "First heading"),
        ("a.md", "Set in stone\n============\n\ntext", "Set in stone"),
        ("a.md", "```\n# a comment\n```\n\n## Real\n", "Real"),
        ("export-data.md", "only text", "Export data"),
        ("guide/index.md", "only text", "Guide"),
        ("a.md", "---\ntitle: 2024\n---\n# Heading\n", "2024"),
        ("a.md", "---\ntitle: [not, a, title]\n---\n# Heading\n", "Heading"),
        ("a.md", "---\ntitle:\n---\n# Heading\n", "Heading"),
    ],
)
def test_title_comes_from_front_matter_else_heading_else_file_name(name: str, text: str, title: str) -> None:
    assert parse_article(name, text.encode()).title == title


@pytest.mark.parametrize(
    "front",
    [
        'title: "Unclosed\ntags: [a, b\n',
        "title: Fine: really\nother: {x\n",
        "\ttitle: tabs\n",
        "- a\n- list\n",
        "just a line\n",
        "",
    ],
)
def test_broken_front_matter_never_loses_the_text(front: str) -> None:
    article = parse_article("page.md", f"---\n{front}---\n\nThe text.\n".encode())
    assert article.body == "The text."
    assert article.title


def test_of_broken_front_matter_the_readable_lines_count() -> None:
    article = parse_article("page.md", b"---\ntitle: Fine: really\nother: {x\n---\nText")
    assert article.title == "Fine: really"


def test_a_rule_at_the_top_is_not_front_matter() -> None:
    assert "first" in body_of("---\n\nfirst\n\n***\n\nsecond")


def test_description_opens_the_text_unless_the_text_says_it() -> None:
    assert body_of("---\ndescription: What it is.\n---\nMore.") == "What it is.\n\nMore."
    assert body_of("---\ndescription: what it is.\n---\nWhat it is. More.") == "What it is. More."


def test_mdx_leaves_only_what_a_reader_sees() -> None:
    text = body_of(
        "import { Card } from '@site/card';\nimport X from \"x\"\nimport {\n  A,\n  B,\n} from './ab';\n"
        "export const meta = {\n  a: 1,\n};\n\n"
        "{/* hidden */}\n<!-- hidden\ntoo -->\n"
        "Use <Badge type='tip' text={`Pro`} /> **Boards**.<br/>Next.\n\n"
        '<Accordion title="Who can see it?">\n  Everyone.\n</Accordion>\n\n'
        "<div className=\"x\" style={{color: 'red'}}>Inside</div>\n<script>alert(1)</script>\n"
    )
    for gone in ("import", "export", "hidden", "Badge", "Accordion", "className", "alert", "<", "{"):
        assert gone not in text
    for kept in ("**Boards**", "Who can see it?", "Everyone.", "Inside", "Next."):
        assert kept in text


def test_code_is_kept_to_the_letter() -> None:
    code = "```jsx\nimport A from 'a';\n<Card title=\"x\">{/* c */}</Card>\n<!-- d -->\n```"
    text = body_of(f"Before <b>bold</b>\n\n{code}\n\nand `<Card />` or `{{a}}`.\n")
    assert code in text
    assert "`<Card />` or `{a}`" in text
    assert "Before bold" in text


def test_a_fence_that_never_ends_is_code_to_the_end() -> None:
    assert body_of("Text\n\n```\n<div>\nimport x from 'y'\n").endswith("<div>\nimport x from 'y'")


def test_placeholders_and_comparisons_are_text() -> None:
    assert body_of("Replace <project-id>; it works for a < b and b > c.") == (
        "Replace <project-id>; it works for a < b and b > c."
    )


def test_links_into_the_site_become_their_words_and_others_stay() -> None:
    text = body_of("See [Sprints](/help/sprints#start), ![shot](a.png) and [the status page](https://status.example/).")
    assert text == "See Sprints,  and [the status page](https://status.example/)."


def test_admonitions_keep_their_title_and_text() -> None:
    assert body_of("::: warning Take care\nIt is final.\n:::\n").split("\n") == ["Take care", "It is final."]


def test_rules_of_tables_are_short() -> None:
    text = body_of("| Key      | Does   |\n| -------- | :----------- |\n| `Q`      | Opens  |\n")
    assert text.split("\n") == ["| Key | Does |", "| --- | :--- |", "| `Q` | Opens |"]


def test_plain_text_files_are_not_read_as_markdown() -> None:
    assert body_of("a <b> & ![c](d)", "note.txt") == "a <b> & ![c](d)"


def test_windows_files_and_byte_order_marks_are_read() -> None:
    article = parse_article("a.md", b"\xef\xbb\xbf---\r\ntitle: T\r\n---\r\nOne\r\n\r\nTwo\r\n")
    assert (article.title, article.body) == ("T", "One\n\nTwo")


def test_the_hash_changes_with_what_a_customer_could_read_only() -> None:
    first = parse_article("a.md", b"---\ntitle: T\ndraft: true\n---\nText")
    assert parse_article("a.md", b"---\ntitle: T\ndraft: false\n---\nText\n").content_hash == first.content_hash
    for other in (b"---\ntitle: U\n---\nText", b"---\ntitle: T\n---\nTexts"):
        assert parse_article("a.md", other).content_hash != first.content_hash


def test_a_folder_gives_articles_in_order_and_names_what_is_none(tmp_path: Path) -> None:
    for name, content in {
        "b.md": b"# B",
        "sub/a.mdx": b"# A",
        "note.TXT": b"words",
        "latin.md": "Grüße".encode("latin-1"),
        "b.txt": b"the same slug",
        "image.png": b"\x89PNG",
        ".hidden/c.md": b"# C",
        "node_modules/d.md": b"# D",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folder = read_articles(tmp_path)
    assert [article.slug for article in folder.articles] == ["b", "note", "sub/a"]
    assert sorted(error.field for error in folder.errors) == ["b.txt", "latin.md"]
    assert "UTF-8" in str(next(error for error in folder.errors if error.field == "latin.md"))


def test_a_missing_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a folder"):
        read_articles(tmp_path / "nowhere")


@given(st.binary(max_size=300))
def test_any_bytes_are_an_article_or_bad_input(content: bytes) -> None:
    try:
        article = parse_article("any.mdx", content)
    except BadInput:
        return
    assert article.title
    assert "\0" not in article.body


@given(st.text(alphabet="abc d\n#*_`-:|<>[]()!{}/\"'=&;\\~", max_size=200))
def test_any_markup_is_cleaned_without_an_error(text: str) -> None:
    assert "\x02" not in plain_text(text)


@given(
    st.text(alphabet=st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="<>&`[]{}:\\|~-"), max_size=200)
)
def test_words_without_markup_stay_as_they_are(text: str) -> None:
    assert plain_text(text).split() == text.split() or text.lstrip().startswith(("import", "export"))


def test_how_long_an_article_is_valid_is_read_as_the_end_of_that_day() -> None:
    dated = parse_article("a.md", b"---\ntitle: T\nvalid_until: 2026-12-31\nlast_verified_at: '2026-10-01'\n---\nText")
    assert dated.valid_until == datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert dated.last_verified_at == datetime(2026, 10, 1, tzinfo=UTC)
    moment = parse_article("a.md", b"---\nvalid_until: 2026-12-31T12:00:00+02:00\n---\nText")
    assert moment.valid_until == datetime(2026, 12, 31, 10, tzinfo=UTC)
    undated = parse_article("a.md", b"---\ntitle: T\nvalid_until: soon\n---\nText")
    assert undated.valid_until is None
    assert undated.content_hash != dated.content_hash


@pytest.mark.parametrize(
    "line",
    [
        "internal: true",
        "internal: yes",
        "internal: 'True'",
        "draft: true",
        "published: false",
        "audience: internal",
        "audience: [staff, partners]",
        "visibility: Private",
    ],
)
def test_an_article_that_is_not_for_customers_is_told_apart(tmp_path: Path, line: str) -> None:
    (tmp_path / "inside.md").write_text(f"---\ntitle: T\n{line}\n---\nText")
    (tmp_path / "outside.md").write_text("---\ninternal: false\npublished: 2026-01-01\naudience: everyone\n---\nText")
    folder = read_articles(tmp_path)
    assert [article.slug for article in folder.articles] == ["outside"]
    assert folder.unpublished == ("inside",)


def test_a_category_is_named_or_is_the_folder() -> None:
    assert parse_article("a.md", b"---\ncategory: Boards and views\n---\nText").category == "Boards and views"
    assert parse_article("billing-plans/eu/a.md", b"Text").category == "Billing plans"
    assert parse_article("a.md", b"---\ncategory: [a, b]\n---\nText").category == ""
    named = parse_article("a.md", b"---\ncategory: One\n---\nText").content_hash
    assert named != parse_article("a.md", b"---\ncategory: Two\n---\nText").content_hash
