-- Articles, chunks, vectors, and the search over them. {vectors} is the table of one embedding model.

-- name: register_model
-- Make an embedding model's table and index unless they exist; its table's name.
-- $1 text: model id
-- $2 text: the table's name, a checked identifier
-- $3 integer: numbers in a vector
SELECT register_embedding_model($1, $2, $3)

-- name: fetch_vectors_table
-- The table of a model's vectors; no row for a model that was never synchronised.
-- $1 text: model id
SELECT table_name FROM embedding_models WHERE model_id = $1

-- name: lock_knowledge
-- Let one writer at a time change the knowledge base, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('knowledge_base'))

-- name: fetch_article_hashes
-- The stored articles and what they were made from.
SELECT slug, content_hash FROM knowledge_base

-- name: upsert_article
-- Store an article; its chunks follow.
-- $1 text: slug
-- $2 text: title
-- $3 text: body
-- $4 text: url
-- $5 bytea: content hash
-- $6 timestamptz: last verified at
-- $7 timestamptz: valid until
-- $8 text: category
INSERT INTO knowledge_base (slug, title, body, url, content_hash, last_verified_at, valid_until, category)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (slug) DO UPDATE SET title = excluded.title, body = excluded.body, url = excluded.url,
    content_hash = excluded.content_hash, last_verified_at = excluded.last_verified_at,
    valid_until = excluded.valid_until, category = excluded.category, synced_at = now()

-- name: fetch_stale_articles
-- The articles whose time is over, or that nobody has looked at for long or ever, the most urgent first.
-- $1 integer: days after which an article is to be looked at again
SELECT slug, title, last_verified_at, valid_until,
       CASE WHEN valid_until < now() THEN 'expired' WHEN last_verified_at IS NULL THEN 'never_verified'
            ELSE 'unverified' END AS reason
FROM knowledge_base
WHERE valid_until < now() OR last_verified_at IS NULL OR last_verified_at < now() - $1 * interval '1 day'
ORDER BY coalesce(valid_until < now(), false) DESC,
         CASE WHEN valid_until < now() THEN valid_until ELSE last_verified_at END NULLS LAST, slug

-- name: delete_articles
-- Delete articles with their chunks and vectors; the slugs that existed.
-- $1 text[]: slugs
DELETE FROM knowledge_base WHERE slug = ANY($1) RETURNING slug

-- name: fetch_chunk_hashes
-- The hashes of an article's chunks that have a vector of this model.
-- $1 text: slug
SELECT c.content_hash FROM knowledge_chunks c JOIN {vectors} v USING (chunk_id) WHERE c.slug = $1

-- name: park_chunks
-- Make room for new positions: below zero, where no chunk that stays ends.
-- $1 text: slug
UPDATE knowledge_chunks SET position = -1 - position WHERE slug = $1

-- name: keep_chunks
-- Give the chunks that did not change their new positions.
-- $1 text: slug
-- $2 integer[]: positions
-- $3 bytea[]: content hashes, distinct within the article, in the same order
UPDATE knowledge_chunks c SET position = new.position
FROM unnest($2::integer[], $3::bytea[]) AS new (position, content_hash)
WHERE c.slug = $1 AND c.content_hash = new.content_hash

-- name: delete_parked_chunks
-- Delete the chunks that no longer exist, with their vectors.
-- $1 text: slug
DELETE FROM knowledge_chunks WHERE slug = $1 AND position < 0

-- name: insert_chunks
-- Insert the chunks that are new, or nothing where one stands already.
-- $1 text: slug
-- $2 integer[]: positions
-- $3 text[]: heading paths
-- $4 text[]: bodies
-- $5 bytea[]: content hashes
INSERT INTO knowledge_chunks (slug, position, heading_path, body, content_hash)
SELECT $1, new.* FROM unnest($2::integer[], $3::text[], $4::text[], $5::bytea[]) AS new
ON CONFLICT (slug, position) DO NOTHING

-- name: insert_vectors
-- Store vectors of an article's chunks; those that exist stay.
-- $1 text: slug
-- $2 bytea[]: content hashes of chunks
-- $3 vector[]: their vectors, in the same order
INSERT INTO {vectors} (chunk_id, embedding)
SELECT c.chunk_id, new.embedding
FROM unnest($2::bytea[], $3::vector[]) AS new (content_hash, embedding)
JOIN knowledge_chunks c ON c.slug = $1 AND c.content_hash = new.content_hash
ON CONFLICT (chunk_id) DO NOTHING

-- name: update_title_vector
-- Store the vector of an article's title and path with its first chunk.
-- $1 text: slug
-- $2 vector: the vector
UPDATE {vectors} v SET title_embedding = $2
FROM knowledge_chunks c WHERE c.chunk_id = v.chunk_id AND c.slug = $1 AND c.position = 0

-- name: fetch_articles_to_embed
-- The articles that have a chunk without a vector of this model.
SELECT DISTINCT c.slug FROM knowledge_chunks c
WHERE NOT EXISTS (SELECT FROM {vectors} v WHERE v.chunk_id = c.chunk_id)

-- name: lift_timeout
-- Counting the words of a large knowledge base may take longer than a turn's statement, until the transaction ends.
SET LOCAL statement_timeout = '5min'

-- name: delete_words
-- Forget how rare words are.
DELETE FROM knowledge_words

-- name: insert_words
-- Count in how many chunks each word occurs. The weight is BM25's, damped: measured, that ranks better here.
INSERT INTO knowledge_words (lexeme, chunks, weight)
SELECT word, ndoc, power(ln(1 + (total.chunks - ndoc + 0.5) / (ndoc + 0.5)), 0.75)
FROM ts_stat('SELECT terms FROM knowledge_chunks'), (SELECT count(*) AS chunks FROM knowledge_chunks) AS total
WHERE length(word) <= 200

-- name: count_article_words
-- Find anew what each word is worth to each article.
SELECT count_article_words()

-- name: delete_spellings
-- Forget how words are written.
DELETE FROM knowledge_spellings

-- name: insert_spellings
-- Keep the long words of the articles as they are written there, the most frequent 20,000.
INSERT INTO knowledge_spellings (word)
SELECT word
FROM ts_stat('SELECT to_tsvector(''simple'', heading_path || '' '' || body) FROM knowledge_chunks')
WHERE word ~ '^[a-z]{5,30}$'
ORDER BY ndoc DESC, word
LIMIT 20000

-- name: fetch_spellings
-- Every word that is kept as it is written.
SELECT word FROM knowledge_spellings

-- name: fetch_word_counts
-- In how many chunks each word or phrase occurs; of a phrase no more than 2,000 are counted.
-- $1 text[]: words and phrases
SELECT asked.word, CASE
    WHEN length(parsed.terms) = 1
    THEN coalesce((SELECT w.chunks FROM knowledge_words w WHERE w.lexeme = (tsvector_to_array(parsed.terms))[1]), 0)
    ELSE (SELECT count(*) FROM (
        SELECT FROM knowledge_chunks c WHERE c.terms @@ phraseto_tsquery('english', asked.word) LIMIT 2000
    ) AS found)
END::integer AS chunks
FROM unnest($1::text[]) AS asked (word) CROSS JOIN LATERAL to_tsvector('english', asked.word) AS parsed (terms)

-- name: search
-- The best chunk of each of the best articles: nearest by meaning and best by words, scored by both.
-- Words are looked for in whole articles (BM25), because what a question names often stands in one section and what it
-- asks in another. In a chunk a word counts by its rarity and by where it stands (heading paths are weight A, bodies
-- weight B), which also chooses the chunk that is shown. Candidates are the chunks of the best articles by words and
-- the nearest ones; very common words have too many uses to be worth looking at. An article gets its best chunk's
-- score, a part of its second's and of its title's, what its words are worth, and less the longer it is, because a
-- long article is near to many questions by chance. One whose time is over, or that nobody has looked at for long,
-- loses a fixed part: it stays findable, and stands behind one that says the same.
-- $1 text: the query
-- $2 vector: its vector
-- $3 integer: articles wanted
-- $4 double precision: the share of words in a chunk's score, 0 to 1; with 0 no word counts at all
-- $5 double precision: the part of what the words are worth to the article
-- $6 double precision: the part of the second chunk's score
-- $7 double precision: the part of the title's similarity
-- $8 double precision: what an article loses for being e times as long
-- $9 double precision: what it loses past its valid_until
-- $10 double precision: what it loses when it was not verified for long
-- $11 integer: days that are long
WITH words AS MATERIALIZED (
    SELECT lexeme, weight, ('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''')::tsquery AS query,
           sum(chunks) OVER (ORDER BY chunks, lexeme) - chunks AS chunks_before
    FROM unnest(to_tsvector('english', $1)) AS asked JOIN knowledge_words USING (lexeme)
), worth AS MATERIALIZED (
    SELECT a.slug, sum(a.weight) AS score
    FROM words w JOIN knowledge_article_words a USING (lexeme)
    WHERE $4::double precision > 0 AND w.chunks_before < 5000
    GROUP BY a.slug
), by_words AS (
    SELECT chunk_id
    FROM (SELECT slug FROM worth ORDER BY score DESC, slug LIMIT greatest(20, $3::integer)) AS best
    JOIN knowledge_chunks USING (slug)
    LIMIT 2000
), by_meaning AS (
    SELECT chunk_id FROM {vectors} WHERE $4::double precision < 1 ORDER BY embedding <=> $2 LIMIT 60
), scored AS (
    SELECT c.chunk_id, c.slug, c.heading_path, c.body, 1 - (v.embedding <=> $2) AS similarity,
           (1 - $4) * coalesce(1 - (v.embedding <=> $2), 0) + $4 * coalesce(matched.score, 0) AS score
    FROM (SELECT chunk_id FROM by_words UNION SELECT chunk_id FROM by_meaning) AS candidates
    JOIN knowledge_chunks c USING (chunk_id)
    LEFT JOIN {vectors} v USING (chunk_id)
    CROSS JOIN LATERAL (
        SELECT sum(weight * ts_rank('{0, 0, 0.4, 1}', c.terms, query)) / sum(weight) AS score FROM words
    ) AS matched
), ranked AS (
    SELECT *, row_number() OVER article AS place, coalesce(lead(score) OVER article, 0) AS second_score
    FROM scored
    WINDOW article AS (PARTITION BY slug ORDER BY score DESC, chunk_id)
)
SELECT r.slug, a.title, r.heading_path, r.body, a.url, r.similarity,
       coalesce(a.valid_until < now(), false) AS expired,
       r.score + $5::double precision * coalesce(worth.score, 0)
       + $6::double precision * greatest(0, r.second_score)
       + $7::double precision * coalesce(1 - (v.title_embedding <=> $2), 0)
       - $8::double precision * ln(1 + (SELECT max(position) FROM knowledge_chunks c WHERE c.slug = r.slug))
       - CASE WHEN a.valid_until < now() THEN $9::double precision
              WHEN a.last_verified_at < now() - $11::integer * interval '1 day' THEN $10::double precision
              ELSE 0 END AS score
FROM ranked r
JOIN knowledge_base a USING (slug)
LEFT JOIN worth ON worth.slug = r.slug
LEFT JOIN knowledge_chunks first ON first.slug = r.slug AND first.position = 0
LEFT JOIN {vectors} v ON v.chunk_id = first.chunk_id
WHERE r.place = 1
ORDER BY score DESC, r.slug
LIMIT $3

-- name: fetch_nearest_chunks
-- The nearest chunks by meaning alone, through the index.
-- $1 vector: the query's vector
-- $2 integer: chunks wanted
SELECT chunk_id FROM {vectors} ORDER BY embedding <=> $1 LIMIT $2
