-- Files that customers add to their requests. The bytes are read for a download only; no list touches them.

CREATE TABLE attachments (
    attachment_id    uuid PRIMARY KEY DEFAULT uuidv7(),
    conversation_id  uuid NOT NULL REFERENCES conversations,
    name             text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    media_type       text NOT NULL,
    sha256           bytea NOT NULL,
    content          bytea NOT NULL CHECK (octet_length(content) > 0),
    size_bytes       integer NOT NULL GENERATED ALWAYS AS (octet_length(content)) STORED,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- What people attach is compressed already.
ALTER TABLE attachments ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX attachments_conversation_key ON attachments (conversation_id, sha256, name);

-- Adds a file, or finds the same one that an earlier request added; no row when the conversation has no room for it.
-- Files of one conversation take turns, so that the limits hold; nothing else waits for them.
CREATE FUNCTION add_attachment(
    p_conversation uuid, p_name text, p_media_type text, p_sha256 bytea, p_content bytea,
    p_count_max integer, p_total_max integer
) RETURNS TABLE (attachment_id uuid, name text, media_type text, size_bytes integer, created_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_count  integer;
    v_total  bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(p_conversation::text, 9));
    RETURN QUERY SELECT a.attachment_id, a.name, a.media_type, a.size_bytes, a.created_at FROM attachments a
        WHERE a.conversation_id = p_conversation AND a.sha256 = p_sha256 AND a.name = p_name;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT count(*), coalesce(sum(a.size_bytes), 0) INTO v_count, v_total FROM attachments a
        WHERE a.conversation_id = p_conversation;
    IF v_count < p_count_max AND v_total + octet_length(p_content) <= p_total_max THEN
        RETURN QUERY INSERT INTO attachments AS a (conversation_id, name, media_type, sha256, content)
            VALUES (p_conversation, p_name, p_media_type, p_sha256, p_content)
            RETURNING a.attachment_id, a.name, a.media_type, a.size_bytes, a.created_at;
    END IF;
END $$;
