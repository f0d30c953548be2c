-- Within an article it is the section that answers. {vectors} is the table of one embedding model.

-- name: fetch_sections
-- The chunks of some articles, each article's nearest first.
-- $1 text[]: slugs
-- $2 vector: the query's vector
-- $3 integer: chunks wanted of each article
SELECT slug, heading_path, body, similarity
FROM (
    SELECT c.slug, c.heading_path, c.body, 1 - (v.embedding <=> $2) AS similarity,
           row_number() OVER (PARTITION BY c.slug ORDER BY v.embedding <=> $2, c.chunk_id) AS place
    FROM knowledge_chunks c JOIN {vectors} v USING (chunk_id)
    WHERE c.slug = ANY($1)
) AS ranked
WHERE place <= $3
ORDER BY slug, place
