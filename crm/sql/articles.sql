-- Articles as they are read whole.

-- name: fetch_article_list
-- Every article.
SELECT slug, title, url FROM knowledge_base ORDER BY slug

-- name: fetch_articles
-- Whole articles.
-- $1 text[]: slugs
SELECT slug, title, body, url FROM knowledge_base WHERE slug = ANY ($1)
