"""Chunks hold all of an article, in order, under the limit, with the headings they stand below."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.knowledge.chunking import chunk_article, embedding_text
from agent.records import Article, Chunk

LIMIT = 60


def count_words(text: str) -> int:
    """Two special tokens, and one token for each word or mark, as WordPiece has it at best."""
    return 2 + len(re.findall(r"\w+|[^\w\s]", text))


def article(body: str, title: str = "Boards") -> Article:
    return Article(slug="boards", title=title, body=body, content_hash=b"")


def chunk(body: str, title: str = "Boards", limit: int = LIMIT) -> list[Chunk]:
    return chunk_article(article(body, title), count_words, limit)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_each_section_is_a_chunk_below_its_headings() -> None:
    chunks = chunk("Intro.\n\n## Views\n\nText.\n\n### Filters\n\nMore.\n\n## Columns\n\nEnd.")
    assert [(c.position, c.heading_path, c.body) for c in chunks] == [
        (0, "Boards", "Intro."),
        (1, "Boards > Views", "Text."),
        (2, "Boards > Views > Filters", "More."),
        (3, "Boards > Columns", "End."),
    ]


def test_a_first_heading_that_repeats_the_title_is_not_said_twice() -> None:
    assert chunk("# BOARDS\n\nText.\n\n## Views\n\nMore.")[1].heading_path == "Boards > Views"


def test_another_first_heading_is_part_of_the_path() -> None:
    assert chunk("# Kanban\n\n## Views\n\nMore.")[0].heading_path == "Boards > Kanban > Views"


def test_levels_may_be_left_out_and_come_back() -> None:
    paths = [c.heading_path for c in chunk("#### Deep\n\na\n\n## Up\n\nb\n\n#### Deep again\n\nc\n\n### Middle\n\nd")]
    assert paths == ["Boards > Deep", "Boards > Up", "Boards > Up > Deep again", "Boards > Up > Middle"]


def test_headings_inside_code_are_code() -> None:
    assert [c.heading_path for c in chunk("Run:\n\n```sh\n# not a heading\nls\n```")] == ["Boards"]


def test_a_heading_without_text_is_found_by_its_words() -> None:
    chunks = chunk("Text.\n\n## Coming soon\n\n## Questions\n\n### May I?\n\nYes.")
    assert [(c.heading_path, c.body) for c in chunks] == [
        ("Boards", "Text."),
        ("Boards > Coming soon", "Coming soon"),
        ("Boards > Questions > May I?", "Yes."),
    ]


@pytest.mark.parametrize("body", ["", "\n\n", "[link]: /nowhere"])
def test_an_article_without_text_is_still_one_chunk(body: str) -> None:
    chunks = chunk(body)
    assert len(chunks) == 1
    assert chunks[0].heading_path == "Boards"
    assert chunks[0].body


def test_long_sections_are_split_between_blocks_where_they_can_be() -> None:
    paragraphs = [f"Paragraph {number} " + "word " * 20 + "end." for number in range(6)]
    chunks = chunk("\n\n".join(paragraphs))
    assert "\n\n".join(c.body for c in chunks) == "\n\n".join(paragraphs)
    assert all(part in paragraphs for c in chunks for part in c.body.split("\n\n"))


def test_a_long_list_is_split_between_its_lines() -> None:
    lines = [f"{number}. Step number {number} does a thing" for number in range(1, 30)]
    chunks = chunk("\n".join(lines))
    assert len(chunks) > 3
    assert [line for c in chunks for line in c.body.split("\n")] == lines


def test_a_long_table_is_split_between_its_rows() -> None:
    rows = ["| key | does |", "| --- | --- |", *(f"| k{number} | action {number} |" for number in range(40))]
    chunks = chunk("\n".join(rows))
    assert len(chunks) > 3
    assert [line for c in chunks for line in c.body.split("\n")] == rows


def test_one_huge_line_is_split_between_sentences() -> None:
    sentences = [f"This is the sentence with number {number}." for number in range(30)]
    chunks = chunk(" ".join(sentences))
    assert all(c.body.strip().endswith(".") for c in chunks)
    assert squeezed("".join(c.body for c in chunks)) == squeezed("".join(sentences))


def test_a_word_without_end_is_split_by_characters() -> None:
    chunks = chunk("a" * 20_000)
    assert "".join(c.body for c in chunks) == "a" * 20_000
    assert max(len(c.body) for c in chunks) <= LIMIT * 100


def test_an_endless_title_leaves_room_for_text() -> None:
    chunks = chunk("Text.\n\n## " + "long heading " * 100 + "\n\nMore.", title="Title " * 100)
    assert all(count_words(embedding_text(c.heading_path, c.body)) <= LIMIT for c in chunks)
    assert "".join(c.body for c in chunks).count("heading") == 100
    assert chunks[-1].body.endswith("More.")


def test_a_limit_that_fits_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves no room"):
        chunk("Text.", limit=8)


BLOCKS = st.one_of(
    st.builds(
        lambda level, text: f"{'#' * level} {text}", st.integers(1, 6), st.text("ab c.", min_size=1, max_size=30)
    ),
    st.text("abc .,!\n", max_size=400),
    st.lists(st.text("abc ", min_size=1, max_size=40), max_size=30).map(lambda rows: "\n".join(f"- {r}" for r in rows)),
    st.lists(st.text("ab", min_size=1, max_size=9), min_size=1, max_size=40).map(
        lambda rows: "| a | b |\n| --- | --- |\n" + "\n".join(f"| {r} | {r} |" for r in rows)
    ),
    st.text("abc #\n", max_size=200).map(lambda code: f"```\n{code}\n```"),
    st.sampled_from(["> quoted\ntext", "[ref]: /url", "---", "***", "x" * 900, "    indented", "Head\n===="]),
)


@given(st.lists(BLOCKS, max_size=8).map("\n\n".join), st.sampled_from([40, 60, 250]))
def test_nothing_is_lost_none_is_over_the_limit_and_order_is_kept(body: str, limit: int) -> None:
    chunks = chunk(body, title="T", limit=limit)
    assert [c.position for c in chunks] == list(range(len(chunks)))
    for each in chunks:
        assert count_words(embedding_text(each.heading_path, each.body)) <= limit
        assert each.body.strip()
    # Headings move from the text to the path, so that the rest of the text is what remains without their lines.
    found = squeezed("".join(c.body for c in chunks))
    for word in re.findall(
        r"[abcx]+", "\n".join(line for line in body.split("\n") if not line.lstrip().startswith("#"))
    ):
        assert word in found or squeezed(word) in squeezed("".join(c.heading_path for c in chunks))
    lines = [squeezed(line) for line in body.split("\n")]
    plain = [line for line in lines if len(line) > 3 and not set(line) & set("#=>-|*`[")]
    place = 0
    for line in plain:
        where = found.find(line, place)
        assert where >= 0 or line in squeezed("".join(c.heading_path for c in chunks)), line
        place = max(place, where)
