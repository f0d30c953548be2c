"""Synchronising a folder and searching it, on the real Postgres with small made-up vectors."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.article_pages import ArticlePages
from agent.errors import BadInput, ConfigurationInvalid
from agent.ports import Embeddings, Float32Array
from agent.text.synonyms import Synonyms
from crm.database import Database
from crm.knowledge import PostgresKnowledge, SearchMode, register_model, with_vectors
from crm.knowledge_review import fetch_stale_articles
from crm.knowledge_sync import SyncReport, sync_folder
from crm.queries import load_queries

# Each word of the language of these tests means one of four things, or nothing.
_MEANINGS = {"sprint": 0, "iteration": 0, "cycle": 0, "password": 1, "passcode": 1, "login": 1, "invoice": 2}
_DIMENSION = 4


class WordModel:
    """A model that embeds texts by the meanings of their words; it counts what it was asked to embed."""

    max_tokens = 64
    dimension = _DIMENSION

    def __init__(self, model_id: str = "word-model") -> None:
        self.model_id = model_id
        self.embedded: list[str] = []

    def count_tokens(self, text: str) -> int:
        return 2 + len(text.split())

    def encode(self, texts: Sequence[str]) -> Float32Array:
        self.embedded += texts
        rows = np.zeros((len(texts), _DIMENSION), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[3] = 0.1
            for word in re.findall(r"[a-z]+", text.lower()):
                if word in _MEANINGS:
                    row[_MEANINGS[word]] += 1
            row /= np.linalg.norm(row)
        return rows

    def query(self, text: str) -> Embeddings:
        return Embeddings(self.model_id, self.encode([text]))


ARTICLES = {
    "work/sprints.md": (
        "---\ntitle: Sprints\n---\nPlan a sprint.\n\n## Finish\n\nComplete the cycle and move what is left."
    ),
    "account/login.md": "# Login\n\nReset your password from the login page.\n\n## Locked out\n\nAsk an admin.",
    "billing.txt": "An invoice comes every month. Quokka is the code word.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in ARTICLES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def model() -> WordModel:
    return WordModel()


async def slugs(database: Database, model: WordModel, text: str, mode: SearchMode = SearchMode.HYBRID) -> list[str]:
    passages = await PostgresKnowledge(database, mode).search(text, model.query(text), 5)
    return [passage.slug for passage in passages]


async def counts(database: Database) -> tuple[int, int]:
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM knowledge_base), (SELECT count(*) FROM knowledge_chunks)"
        )
        assert row is not None
        return row[0], row[1]


async def test_a_question_finds_its_article_by_meaning_and_by_words(
    database: Database, folder: Path, model: WordModel
) -> None:
    report = await sync_folder(database, model, folder)
    assert (report.articles, report.changed, report.deleted, report.chunks_embedded) == (3, 3, 0, 5)
    passages = await PostgresKnowledge(database).search("which iteration", model.query("which iteration"), 5)
    assert passages[0].slug == "work/sprints"
    assert passages[0].title == "Sprints"
    assert passages[0].similarity > 0.9
    assert (await slugs(database, model, "quokka?"))[0] == "billing"
    assert (await slugs(database, model, "what is the iteration"))[0] == "work/sprints"
    scores = [passage.score for passage in passages]
    assert scores == sorted(scores, reverse=True)
    assert len({passage.slug for passage in passages}) == len(passages)


async def test_the_passage_is_the_best_chunk_with_its_headings(
    database: Database, folder: Path, model: WordModel
) -> None:
    await sync_folder(database, model, folder)
    passages = await PostgresKnowledge(database).search("complete", model.query("complete the cycle"), 1)
    assert [(p.slug, p.heading_path) for p in passages] == [("work/sprints", "Sprints > Finish")]
    assert passages[0].body == "Complete the cycle and move what is left."


async def test_an_article_has_what_is_asked_in_several_of_its_sections(
    database: Database, tmp_path: Path, model: WordModel
) -> None:
    (tmp_path / "slack.md").write_text("# Chats\n\n## Slack\n\nAdd the app.\n\n## Silence\n\nMute a channel.\n")
    (tmp_path / "mail.md").write_text("# Letters\n\n## Silence\n\nMute a thread.\n\n## More\n\nMute a person.\n")
    (tmp_path / "teams.md").write_text("# Meetings\n\nAdd the app and talk.\n")
    await sync_folder(database, model, tmp_path)
    assert (await slugs(database, model, "mute slack", SearchMode.TEXT))[0] == "slack"
    (tmp_path / "mail.md").write_text("# Letters\n\nMute slack threads, and mute slack persons. Slack is mute.\n")
    await sync_folder(database, model, tmp_path)
    assert (await slugs(database, model, "mute slack", SearchMode.TEXT))[0] == "mail"
    (tmp_path / "mail.md").unlink()
    await sync_folder(database, model, tmp_path)
    assert await slugs(database, model, "mute slack", SearchMode.TEXT) == ["slack"]


async def test_words_alone_and_meaning_alone_can_be_measured(
    database: Database, folder: Path, model: WordModel
) -> None:
    await sync_folder(database, model, folder)
    assert await slugs(database, model, "passcode", SearchMode.TEXT) == []
    assert (await slugs(database, model, "passcode", SearchMode.DENSE))[0] == "account/login"
    assert await slugs(database, model, "quokka", SearchMode.TEXT) == ["billing"]


async def test_what_is_expired_or_long_unverified_stands_behind_what_says_the_same(
    database: Database, tmp_path: Path, model: WordModel
) -> None:
    text = "Plan a sprint here.\n"
    for name, front in {
        "a-expired": "valid_until: 2020-01-01",
        "b-unverified": "last_verified_at: 2020-01-01",
        "c-unknown": "title: Unknown",
        "d-verified": "last_verified_at: 2999-01-01\nvalid_until: 2999-01-01",
    }.items():
        (tmp_path / f"{name}.md").write_text(f"---\ntitle: Plan\n{front}\n---\n{text}")
    await sync_folder(database, model, tmp_path)
    assert await slugs(database, model, "sprint") == ["c-unknown", "d-verified", "b-unverified", "a-expired"]
    stale = await fetch_stale_articles(database, 365)
    assert [(article.slug, article.reason.value) for article in stale] == [
        ("a-expired", "expired"),
        ("b-unverified", "unverified"),
        ("c-unknown", "never_verified"),
    ]
    (tmp_path / "a-expired.md").write_text(f"---\ntitle: Plan\nvalid_until: 2999-01-01\n---\n{text}")
    model.embedded.clear()
    await sync_folder(database, model, tmp_path)
    assert model.embedded == ["Plan. a expired"], "of another date the title alone is embedded again"
    assert (await fetch_stale_articles(database, 365))[0].slug == "b-unverified"
    assert {article.reason.value for article in await fetch_stale_articles(database, 36_500)} == {"never_verified"}


async def test_an_article_is_linked_by_its_own_address_or_the_help_centres(
    database: Database, tmp_path: Path, model: WordModel
) -> None:
    (tmp_path / "own.md").write_text("---\nurl: https://help.example/own\n---\nPlan a sprint.")
    (tmp_path / "a page.md").write_text("Plan a sprint too.")
    await sync_folder(database, model, tmp_path)
    search = PostgresKnowledge(database, pages=ArticlePages("https://help.example/articles/"))
    found = {p.slug: p.url for p in await search.search("sprint", model.query("sprint"), 5)}
    assert found == {"own": "https://help.example/own", "a page": "https://help.example/articles/a%20page"}
    plain = await PostgresKnowledge(database).search("sprint", model.query("sprint"), 5)
    assert {passage.url for passage in plain} == {"https://help.example/own", ""}


async def test_only_a_current_article_without_its_own_address_is_on_a_page_of_ours(
    database: Database, tmp_path: Path, model: WordModel
) -> None:
    (tmp_path / "own.md").write_text("---\nurl: https://help.example/own\n---\nPlan a sprint.")
    (tmp_path / "page.md").write_text("Plan a sprint too.")
    (tmp_path / "old.md").write_text("---\nvalid_until: 2020-01-01\n---\nPlan an old sprint.")
    await sync_folder(database, model, tmp_path)
    search = PostgresKnowledge(database, pages=ArticlePages("https://support.example/help", ours=True))
    found = {p.slug: (p.url, p.on_our_page) for p in await search.search("sprint", model.query("sprint"), 5)}
    assert found == {
        "own": ("https://help.example/own", False),
        "page": ("https://support.example/help/page", True),
        "old": ("", False),
    }


async def test_what_is_not_for_customers_is_not_kept(database: Database, tmp_path: Path, model: WordModel) -> None:
    (tmp_path / "sprints.md").write_text("Plan a sprint.")
    (tmp_path / "runbook.md").write_text("Plan a secret sprint.")
    await sync_folder(database, model, tmp_path)
    (tmp_path / "runbook.md").write_text("---\ninternal: true\n---\nPlan a secret sprint.")
    report = await sync_folder(database, model, tmp_path)
    assert (report.articles, report.unpublished, report.deleted) == (1, 1, 1)
    assert await slugs(database, model, "secret sprint") == ["sprints"]
    (tmp_path / "sprints.md").unlink()
    with pytest.raises(BadInput, match="not for customers"):
        await sync_folder(database, model, tmp_path)


async def test_rare_words_outweigh_common_ones(database: Database, tmp_path: Path, model: WordModel) -> None:
    for number in range(12):
        (tmp_path / f"page-{number}.md").write_text(f"# Page {number}\n\nboards boards boards and boards")
    (tmp_path / "rare.md").write_text("# Other\n\nThe zebra walks past some boards on its way home today.")
    await sync_folder(database, model, tmp_path)
    assert (await slugs(database, model, "boards boards zebra", SearchMode.TEXT))[0] == "rare"


async def test_a_copy_of_a_better_passage_takes_no_place(database: Database, tmp_path: Path, model: WordModel) -> None:
    note = "Only an owner may end a sprint, and what is left of it goes to the next one."
    for version in range(4):
        (tmp_path / f"v{version}.md").write_text(f"# Sprints\n\n{note}")
    (tmp_path / "password.md").write_text("# Password\n\nReset your password before the sprint.")
    await sync_folder(database, model, tmp_path)
    search = PostgresKnowledge(database)
    two = await search.search("who may end a sprint", model.query("who may end a sprint"), 2)
    assert [passage.slug for passage in two] == ["v0", "password"]
    all_of_them = await search.search("who may end a sprint", model.query("who may end a sprint"), 5)
    assert len(all_of_them) == 5


@pytest.mark.parametrize(
    "text",
    ["", "   ", "the and of", "'", "a'b\\c & | ! <-> :* ()", "x' | 'y", "\\", "\0", "\ud800", "😀", "quokka " * 2000],
)
async def test_any_query_text_is_safe(database: Database, folder: Path, model: WordModel, text: str) -> None:
    await sync_folder(database, model, folder)
    passages = await PostgresKnowledge(database).search(text, model.query("password"), 5)
    assert {passage.slug for passage in passages} == {"account/login", "billing", "work/sprints"}
    assert not any(math.isnan(passage.score) for passage in passages)


async def test_what_did_not_change_is_not_embedded_again(database: Database, folder: Path, model: WordModel) -> None:
    await sync_folder(database, model, folder)
    model.embedded.clear()
    assert (await sync_folder(database, model, folder)) == SyncReport(3, 0, 0, 0, ())
    assert model.embedded == []
    (folder / "work/sprints.md").write_text(ARTICLES["work/sprints.md"].replace("what is left", "the rest"))
    report = await sync_folder(database, model, folder)
    assert (report.changed, report.chunks_embedded) == (1, 1)
    assert [text for text in model.embedded if "Plan a sprint" in text] == []


async def test_chunks_that_moved_keep_their_vectors(database: Database, folder: Path, model: WordModel) -> None:
    await sync_folder(database, model, folder)
    text = "---\ntitle: Sprints\n---\nNew opening.\n\n## Finish\n\nComplete the cycle and move what is left."
    (folder / "work/sprints.md").write_text(text + "\n\n## Later\n\nPlan a sprint.")
    assert (await sync_folder(database, model, folder)).chunks_embedded == 2
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT position, body FROM knowledge_chunks WHERE slug = 'work/sprints' ORDER BY position"
        )
    assert [row["position"] for row in rows] == [0, 1, 2]
    assert [row["body"].split()[0] for row in rows] == ["New", "Complete", "Plan"]
    assert (await slugs(database, model, "iteration"))[0] == "work/sprints"


async def test_an_article_may_say_the_same_twice(database: Database, tmp_path: Path, model: WordModel) -> None:
    (tmp_path / "a.md").write_text("# A\n\n## Note\n\nSame.\n\n## Note\n\nSame.\n\n## Note\n\nSame.")
    assert (await sync_folder(database, model, tmp_path)).chunks_embedded == 3
    (tmp_path / "a.md").write_text("# A\n\n## Note\n\nSame.\n\n## Note\n\nSame.")
    assert (await sync_folder(database, model, tmp_path)).chunks_embedded == 0
    assert await counts(database) == (1, 2)


async def test_what_was_deleted_goes_and_what_cannot_be_read_stays(
    database: Database, folder: Path, model: WordModel
) -> None:
    await sync_folder(database, model, folder)
    (folder / "billing.txt").unlink()
    (folder / "account/login.md").write_bytes(b"\xff\xfe broken")
    report = await sync_folder(database, model, folder)
    assert report.deleted == 1
    assert [error.field for error in report.errors] == ["account/login.md"]
    assert await slugs(database, model, "quokka", SearchMode.TEXT) == []
    assert (await slugs(database, model, "password"))[0] == "account/login"


@pytest.mark.parametrize("name", [None, "image.png"])
async def test_a_folder_without_articles_empties_nothing(
    database: Database, folder: Path, model: WordModel, tmp_path_factory: pytest.TempPathFactory, name: str | None
) -> None:
    await sync_folder(database, model, folder)
    empty = tmp_path_factory.mktemp("empty")
    if name:
        (empty / name).write_bytes(b"x")
    with pytest.raises(BadInput, match="holds no article"):
        await sync_folder(database, model, empty)
    assert await counts(database) == (3, 5)


async def test_a_sync_that_breaks_off_leaves_a_usable_base_and_is_finished_by_the_next(
    database: Database, folder: Path, model: WordModel
) -> None:
    await sync_folder(database, model, folder)
    for name, text in ARTICLES.items():
        (folder / name).write_text(text + "\n\nAdded words.")

    def break_off(done: int, total: int, slug: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await sync_folder(database, model, folder, break_off)
    assert (await slugs(database, model, "password"))[0] == "account/login"
    assert (await sync_folder(database, model, folder)).changed == 1


async def test_progress_is_told_from_nothing_to_all(database: Database, folder: Path, model: WordModel) -> None:
    told: list[tuple[int, int, str]] = []
    await sync_folder(database, model, folder, lambda *step: told.append(step))
    assert told == [(0, 3, "account/login"), (1, 3, "billing"), (2, 3, "work/sprints"), (3, 3, "")]


async def test_two_models_never_meet(database: Database, folder: Path, model: WordModel) -> None:
    other = WordModel("org/Other Model v2")
    await sync_folder(database, model, folder)
    knowledge = PostgresKnowledge(database)
    with pytest.raises(ConfigurationInvalid, match="no vectors of the model 'org/Other Model v2'"):
        await knowledge.search("password", other.query("password"), 5)
    report = await sync_folder(database, other, folder)
    assert (report.changed, report.chunks_embedded) == (3, 5)
    assert await counts(database) == (3, 5)
    async with database.connection() as connection:
        await connection.execute(
            with_vectors(
                "UPDATE {vectors} SET embedding = '[1,0,0,0]'", await register_model(connection, "word-model", 4)
            )
        )
    passages = await knowledge.search("zzz", other.query("password"), 1)
    assert passages[0].slug == "account/login"
    assert (await sync_folder(database, model, folder)).changed == 0


async def test_a_model_that_changed_its_dimension_is_refused(database: Database, model: WordModel) -> None:
    async with database.connection() as connection:
        table = await register_model(connection, model.model_id, 4)
        assert re.fullmatch(r"vectors_word_model_[0-9a-f]{8}", table)
        assert await register_model(connection, model.model_id, 4) == table
        with pytest.raises(ConfigurationInvalid, match="do not have 5 numbers"):
            await register_model(connection, model.model_id, 5)


@pytest.mark.parametrize(
    "name", ["pg_class", "vectors_a; DROP TABLE customers", "vectors_", 'vectors_"a"', "VECTORS_A"]
)
def test_only_a_table_of_vectors_may_fill_the_placeholder(name: str) -> None:
    with pytest.raises(ValueError, match="not a table of vectors"):
        with_vectors("SELECT FROM {vectors}", name)


async def test_more_than_one_vector_is_a_mistake(database: Database, model: WordModel) -> None:
    with pytest.raises(ValueError, match="one vector, not 2"):
        await PostgresKnowledge(database).search("a", Embeddings(model.model_id, model.encode(["a", "b"])), 5)


async def test_two_syncs_at_once_end_in_one_base(database: Database, folder: Path, model: WordModel) -> None:
    await asyncio.gather(*(sync_folder(database, model, folder) for _ in range(3)))
    assert await counts(database) == (3, 5)
    assert (await sync_folder(database, model, folder)).changed == 0


async def test_both_indexes_serve_the_search_when_the_base_is_large(database: Database, model: WordModel) -> None:
    random = np.random.default_rng(7)
    async with database.connection() as connection:
        table = await register_model(connection, model.model_id, 4)
        await connection.execute(
            "INSERT INTO knowledge_base (slug, title, body, content_hash) "
            "SELECT 'a' || n, 'a', 'a', '' FROM generate_series(1, 3000) AS n"
        )
        await connection.execute(
            "INSERT INTO knowledge_chunks (slug, position, heading_path, body, content_hash) "
            "SELECT slug, 0, 'Page', 'word' || substr(slug, 2) || ' common', '' FROM knowledge_base"
        )
        ids = [row["chunk_id"] for row in await connection.fetch("SELECT chunk_id FROM knowledge_chunks")]
        rows = random.normal(size=(len(ids), 4)).astype(np.float32)
        await connection.executemany(
            with_vectors("INSERT INTO {vectors} VALUES ($1, $2)", table), list(zip(ids, rows, strict=True)), timeout=60
        )
        queries = load_queries("knowledge")
        await connection.execute(queries["insert_words"])
        await connection.execute(queries["count_article_words"])
        await connection.execute("ANALYZE")
        sql = with_vectors(queries["search"], table)
        plan = "\n".join(
            row[0]
            for row in await connection.fetch(
                "EXPLAIN " + sql, "word7 common", rows[0], 5, 0.4, 0.1, 0.3, 0.2, 0.02, 0.04, 0.02, 365
            )
        )
    assert f"{table}_hnsw" in plan
    assert "knowledge_article_words_pkey" in plan
    assert "Seq Scan on knowledge_chunks" not in plan


async def test_a_question_is_reworded_by_what_the_articles_say(
    database: Database, tmp_path: Path, model: WordModel
) -> None:
    for number in range(3):
        (tmp_path / f"page-{number}.md").write_text(f"# Page {number}\n\nWork packages and quokkas.\n")
    await sync_folder(database, model, tmp_path)
    synonyms = Synonyms((("ticket", "work package"), ("animal", "quokka"), ("invoice", "bill")))
    knowledge = PostgresKnowledge(database, synonyms=synonyms)
    assert await knowledge.reword("two tickets, an animal, a bill") == "two work packages, an quokka, a bill"
    for mode in (SearchMode.DENSE, SearchMode.TEXT):
        assert await PostgresKnowledge(database, mode, synonyms).reword("two tickets") == "two tickets"
