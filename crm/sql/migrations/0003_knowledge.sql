-- Articles, their chunks, and one table of vectors per embedding model (invariant 8).

CREATE TABLE knowledge_base (
    slug              text PRIMARY KEY,
    title             text NOT NULL,
    body              text NOT NULL,
    url               text NOT NULL DEFAULT '',
    content_hash      bytea NOT NULL,
    last_verified_at  timestamptz,
    synced_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE knowledge_chunks (
    chunk_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug          text NOT NULL REFERENCES knowledge_base ON DELETE CASCADE,
    position      integer NOT NULL,
    heading_path  text NOT NULL,
    body          text NOT NULL,
    content_hash  bytea NOT NULL,
    terms         tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', heading_path), 'A') || setweight(to_tsvector('english', body), 'B')
    ) STORED,
    UNIQUE (slug, position)
);
CREATE INDEX knowledge_chunks_terms ON knowledge_chunks USING gin (terms);

-- table_name is made by the code that registers the model, from a checked identifier. One model is active.
CREATE TABLE embedding_models (
    model_id    text PRIMARY KEY,
    table_name  text NOT NULL UNIQUE CHECK (table_name ~ '^vectors_[a-z0-9_]{1,50}$'),
    dimension   integer NOT NULL CHECK (dimension BETWEEN 1 AND 2000),
    active      boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX embedding_models_active_key ON embedding_models (active) WHERE active;
