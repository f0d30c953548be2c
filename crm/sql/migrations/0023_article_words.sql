-- What each word is worth to each article that has it (BM25 over whole articles, 0 to about 2.2): what a search adds up
-- over the words of a question. Made anew by every sync; a word that is not here is in no article.
CREATE TABLE knowledge_article_words (
    lexeme  text NOT NULL,
    slug    text NOT NULL,
    weight  real NOT NULL,
    PRIMARY KEY (lexeme, slug) INCLUDE (weight)
);

-- Fill it from the chunks. A word has its uses in the text, two more where the title has it, and else one more for each
-- chunk whose headings have it. The rarity of a word that a single article has is 1, however many articles there are.
CREATE FUNCTION count_article_words() RETURNS void LANGUAGE sql AS $$
    DELETE FROM knowledge_article_words;
    WITH uses AS (
        SELECT c.slug, word.lexeme,
               sum((SELECT count(*) FROM unnest(word.weights) AS place WHERE place <> 'A')) AS in_text,
               count(*) FILTER (WHERE 'A' = ANY(word.weights)) AS in_headings
        FROM knowledge_chunks c CROSS JOIN LATERAL unnest(c.terms) AS word
        WHERE length(word.lexeme) <= 200
        GROUP BY c.slug, word.lexeme
    ), lengths AS (
        SELECT slug, sum(in_text) AS words FROM uses GROUP BY slug
    ), base AS (
        SELECT count(*) AS articles, greatest(avg(words), 1) AS words FROM lengths
    ), rarity AS (
        SELECT u.lexeme,
               ln(1 + (b.articles - count(*) + 0.5) / (count(*) + 0.5)) / ln(1 + (b.articles - 0.5) / 1.5) AS weight
        FROM uses u CROSS JOIN base b
        GROUP BY u.lexeme, b.articles
    ), titles AS (
        SELECT slug, word.lexeme FROM knowledge_base CROSS JOIN LATERAL unnest(to_tsvector('english', title)) AS word
    ), counted AS (
        SELECT u.slug, u.lexeme, u.in_text + CASE WHEN t.slug IS NULL THEN u.in_headings ELSE 2 END AS uses
        FROM uses u LEFT JOIN titles t USING (slug, lexeme)
    )
    INSERT INTO knowledge_article_words (lexeme, slug, weight)
    SELECT c.lexeme, c.slug, r.weight * 2.2 * c.uses / (c.uses + 1.2 * (0.25 + 0.75 * l.words / b.words))
    FROM counted c JOIN rarity r USING (lexeme) JOIN lengths l USING (slug) CROSS JOIN base b
$$;

SELECT count_article_words();
