-- Filling a knowledge base with made-up chunks at once. {vectors} is the table of one embedding model.

-- name: insert_articles
-- Articles without a text of their own.
-- $1 integer: how many
INSERT INTO knowledge_base (slug, title, body, content_hash)
SELECT 'article-' || n, 'Article ' || n, '', '' FROM generate_series(0, $1 - 1) AS n

-- name: insert_chunks
-- Chunks with their ids, which the vectors of the same numbers belong to.
-- $1 bigint[]: ids
-- $2 text[]: slugs
-- $3 integer[]: positions
-- $4 text[]: heading paths
-- $5 text[]: bodies
INSERT INTO knowledge_chunks (chunk_id, slug, position, heading_path, body, content_hash) OVERRIDING SYSTEM VALUE
SELECT new.*, '' FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::text[], $5::text[]) AS new

-- name: fetch_index_definition
-- The statement that makes a table's HNSW index, as the schema has it.
-- $1 text: the index's name
SELECT indexdef FROM pg_indexes WHERE indexname = $1

-- name: drop_index
-- One build over all rows is much faster than an insert for each.
DROP INDEX {vectors}_hnsw

-- name: prepare_build
-- The whole graph fits this, and both cores build it.
SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2; SET statement_timeout = 0

-- name: fetch_index_size
-- Bytes of an index.
-- $1 text: the index's name
SELECT pg_relation_size($1::regclass)

-- name: analyze
-- What autovacuum would do soon.
ANALYZE knowledge_chunks, knowledge_base, knowledge_words, knowledge_article_words, {vectors}
