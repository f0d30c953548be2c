-- name: add_attachment
-- Adds a file to a conversation, or finds the same one; no row when there is no room.
-- $1 uuid: conversation
-- $2 text: file name
-- $3 text: media type, found in the content
-- $4 bytea: SHA-256 of the content
-- $5 bytea: content
-- $6 integer: files that a conversation may have
-- $7 integer: bytes that they may have together
SELECT * FROM add_attachment($1, $2, $3, $4, $5, $6, $7)

-- name: fetch_attachments
-- The files of a conversation in the order of their coming, without their bytes.
-- $1 uuid: conversation
SELECT attachment_id, name, media_type, size_bytes, created_at
FROM attachments WHERE conversation_id = $1 ORDER BY attachment_id

-- name: fetch_attachment
-- One file of a conversation with its bytes.
-- $1 uuid: conversation
-- $2 uuid: attachment
SELECT attachment_id, name, media_type, size_bytes, created_at, content
FROM attachments WHERE conversation_id = $1 AND attachment_id = $2
