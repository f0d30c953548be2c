-- Articles as they are read whole.

-- name: fetch_article_list
-- Every article.
SELECT slug, title, url, coalesce(valid_until < now(), false) AS expired FROM knowledge_base ORDER BY slug

-- name: fetch_articles
-- Whole articles.
-- $1 text[]: slugs
SELECT slug, title, body, url, coalesce(valid_until < now(), false) AS expired
FROM knowledge_base WHERE slug = ANY ($1)

-- name: fetch_current_articles
-- The articles whose time is not over, without their bodies, in the order of a table of contents.
SELECT slug, title, category, content_hash, last_verified_at, valid_until
FROM knowledge_base
WHERE valid_until IS NULL OR valid_until >= now()
ORDER BY category = '', lower(category), lower(title), slug

-- name: fetch_body
-- An article's Markdown, if it is still this version.
-- $1 text: slug
-- $2 bytea: content hash
SELECT body FROM knowledge_base WHERE slug = $1 AND content_hash = $2

-- name: search_articles
-- The current articles that have most of a query's words, each as its best chunk; rare words count more, as in the
-- search of a turn, and no more chunks are looked at.
-- $1 text: the query
-- $2 integer: articles wanted
WITH words AS MATERIALIZED (
    SELECT weight, ('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''')::tsquery AS query,
           sum(chunks) OVER (ORDER BY chunks, lexeme) - chunks AS chunks_before
    FROM unnest(to_tsvector('english', $1)) AS asked JOIN knowledge_words USING (lexeme)
), with_words AS (
    SELECT chunk_id, slug, heading_path, body, terms FROM knowledge_chunks
    WHERE terms @@ (SELECT string_agg(query::text, ' | ')::tsquery FROM words WHERE chunks_before < 500)
    LIMIT 5000
), best AS (
    SELECT DISTINCT ON (slug) slug, heading_path, body, matched.score
    FROM with_words CROSS JOIN LATERAL (
        SELECT sum(weight * ts_rank('{0, 0, 0.4, 1}', terms, query)) AS score FROM words
    ) AS matched
    ORDER BY slug, matched.score DESC, chunk_id
)
SELECT b.slug, a.title, b.heading_path, b.body
FROM best b JOIN knowledge_base a USING (slug)
WHERE a.valid_until IS NULL OR a.valid_until >= now()
ORDER BY b.score DESC, b.slug
LIMIT $2
