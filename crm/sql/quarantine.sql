-- name: fetch_quarantined
-- What waits for a person's word, the longest first. What was taken over meanwhile does not wait any more.
-- $1 integer: at most so many
SELECT q.conversation_id, t.ticket_id, q.reasons, q.created_at, u.name AS customer_name, i.value AS address, t.subject,
       (SELECT array_agg(m.body ORDER BY m.seq) FROM messages m
        WHERE m.conversation_id = q.conversation_id AND m.direction = 'inbound') AS messages
FROM quarantine q
JOIN conversations c ON c.conversation_id = q.conversation_id
JOIN work w ON w.customer_id = c.customer_id AND w.due_at = 'infinity'
JOIN customers u ON u.customer_id = c.customer_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
JOIN tickets t ON t.conversation_id = q.conversation_id
WHERE q.ending IS NULL
ORDER BY q.created_at
LIMIT $1

-- name: end_quarantine
-- Ends the wait of a conversation; false when it does not wait.
-- $1 uuid: conversation
-- $2 text: released or discarded
-- $3 text: operator
SELECT end_quarantine($1, $2, $3)

-- name: is_conversation
-- Whether there is such a conversation.
-- $1 uuid: conversation
SELECT EXISTS (SELECT FROM conversations WHERE conversation_id = $1)
