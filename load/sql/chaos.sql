-- name: fetch_stored
-- The inbound messages of the conversations that the given submissions began, with their ends.
-- $1 text[]: provider message ids of the submissions
SELECT s.provider_message_id AS submit_key, c.thread_key, m.provider_message_id, m.seq, m.created_at,
       o.created_at AS ended_at, b.finished_at AS delivered_at
FROM messages s
JOIN conversations c ON c.conversation_id = s.conversation_id
JOIN messages m ON m.conversation_id = s.conversation_id AND m.direction = 'inbound'
LEFT JOIN outcomes o ON o.outcome_id = m.outcome_id
LEFT JOIN outbox b ON b.outcome_id = m.outcome_id
WHERE s.provider_message_id = ANY ($1) AND s.direction = 'inbound'
ORDER BY m.seq

-- name: count_open
-- How many messages have no outcome, and how many outbox rows are not finished.
SELECT (SELECT count(*) FROM messages WHERE direction = 'inbound' AND outcome_id IS NULL)
     + (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'unknown'))
