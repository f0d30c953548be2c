-- What a search needs beside chunks: the table of vectors of each embedding model, and how rare each word is.

-- Makes the table and its index unless they exist, and returns the table's name. The first model is active.
CREATE FUNCTION register_embedding_model(model text, vectors text, size integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    known  embedding_models;
BEGIN
    LOCK TABLE embedding_models IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO known FROM embedding_models WHERE model_id = model;
    IF FOUND THEN
        IF known.dimension <> size THEN
            RAISE EXCEPTION 'vectors of % have % numbers here, not %', model, known.dimension, size
                USING ERRCODE = 'check_violation', CONSTRAINT = 'embedding_models_dimension';
        END IF;
        RETURN known.table_name;
    END IF;
    INSERT INTO embedding_models (model_id, table_name, dimension, active)
        VALUES (model, vectors, size, NOT EXISTS (SELECT FROM embedding_models WHERE active));
    -- title_embedding stands with an article's first chunk: what its name and path mean, beside what it says.
    EXECUTE format('CREATE TABLE %I (chunk_id bigint PRIMARY KEY REFERENCES knowledge_chunks ON DELETE CASCADE, '
                   'embedding vector(%s) NOT NULL, title_embedding vector(%s))', vectors, size, size);
    EXECUTE format('CREATE INDEX %I ON %I USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 128)',
                   vectors || '_hnsw', vectors);
    RETURN vectors;
END $$;

-- In how many chunks each word occurs, and what it is worth in a ranking: the rarer, the more. Made anew by
-- every sync; a word that is not here is in no chunk.
CREATE TABLE knowledge_words (
    lexeme  text PRIMARY KEY,
    chunks  integer NOT NULL,
    weight  real NOT NULL
);
