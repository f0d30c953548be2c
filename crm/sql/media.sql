-- name: claim_media
-- Leases files that are due, by their due time; the pause before the next try grows three times each.
-- $1 text[]: channels whose files can be fetched
-- $2 integer: at most so many
-- $3 interval: the lease
WITH due AS (
    SELECT f.media_id FROM media_fetches f JOIN messages m USING (message_id)
    WHERE f.state = 'pending' AND f.due_at <= now() AND m.channel = ANY ($1)
    ORDER BY f.due_at LIMIT $2
    FOR UPDATE OF f SKIP LOCKED
)
UPDATE media_fetches f SET attempts = f.attempts + 1, due_at = clock_timestamp() + $3
FROM due, messages m
WHERE f.media_id = due.media_id AND m.message_id = f.message_id
RETURNING f.media_id, f.conversation_id, f.url, f.media_type, f.attempts, m.provider_message_id, m.channel

-- name: record_stored
-- Ends a fetch whose file is an attachment now.
-- $1 uuid: fetch
-- $2 uuid: attachment
UPDATE media_fetches SET state = 'stored', attachment_id = $2, finished_at = clock_timestamp(), error = NULL
WHERE media_id = $1 AND state = 'pending'

-- name: record_retry
-- A file that is not there yet is due again later.
-- $1 uuid: fetch
-- $2 double precision: seconds until the next try
-- $3 text: what went wrong
UPDATE media_fetches SET due_at = clock_timestamp() + make_interval(secs => $2), error = $3
WHERE media_id = $1 AND state = 'pending'

-- name: record_failed
-- Gives a file up.
-- $1 uuid: fetch
-- $2 text: why
UPDATE media_fetches SET state = 'failed', error = $2, finished_at = clock_timestamp()
WHERE media_id = $1 AND state = 'pending'

-- name: fetch_next_due
-- Seconds until a file is due, null when none is open.
SELECT extract(epoch FROM min(due_at) - now())::double precision FROM media_fetches WHERE state = 'pending'
