-- name: lock_work
-- Raises the fences of both customers in one order, so that two merges cannot wait for each other.
-- $1 uuid[]: customers, sorted
SELECT raise_fence(customer_id) FROM unnest($1::uuid[]) AS customer_id

-- name: fetch_merged
-- Which of two customers were merged away already.
-- $1 uuid[]: customers
SELECT customer_id, merged_into FROM customers WHERE customer_id = ANY ($1)

-- name: record_merge
-- Keeps what moves, so that the merge can be undone.
-- $1 uuid: source
-- $2 uuid: target
-- $3 text: evidence
INSERT INTO customer_merges (source_id, target_id, evidence, identifier_ids, conversation_ids)
SELECT $1, $2, $3,
       (SELECT coalesce(array_agg(identifier_id), '{}') FROM customer_identifiers WHERE customer_id = $1),
       (SELECT coalesce(array_agg(conversation_id), '{}') FROM conversations WHERE customer_id = $1)

-- name: move_messages
-- Puts the source's messages behind the target's, in their own order.
-- $1 uuid: source
-- $2 uuid: target
WITH base AS (SELECT seq FROM work WHERE customer_id = $2),
numbered AS (
    SELECT message_id, seq, row_number() OVER (ORDER BY seq) AS place FROM messages WHERE customer_id = $1
)
UPDATE messages m SET customer_id = $2, seq = CASE WHEN n.seq IS NULL THEN NULL ELSE base.seq + n.place END
FROM numbered n, base WHERE m.message_id = n.message_id

-- name: move_work
-- Gives the target all that is queued, due at once, and leaves the source without work.
-- $1 uuid: source
-- $2 uuid: target
WITH emptied AS (
    UPDATE work SET due_at = NULL, burst_began_at = NULL WHERE customer_id = $1
)
UPDATE work SET
    seq = coalesce((SELECT max(m.seq) FROM messages m WHERE m.customer_id = $2), 0),
    due_at = CASE WHEN q.first_at IS NULL THEN NULL ELSE clock_timestamp() END,
    burst_began_at = q.first_at
FROM (
    SELECT min(m.created_at) AS first_at FROM messages m
    WHERE m.customer_id = $2 AND m.direction = 'inbound' AND m.outcome_id IS NULL
) q
WHERE work.customer_id = $2

-- name: move_conversations
-- Moves the conversations, before anything else of them: whoever else locks one locks it before its ticket.
-- $1 uuid: source
-- $2 uuid: target
UPDATE conversations SET customer_id = $2 WHERE customer_id = $1

-- name: move_rest
-- Moves identifiers and tickets, and says where the source went.
-- $1 uuid: source
-- $2 uuid: target
WITH identifiers AS (
    UPDATE customer_identifiers SET customer_id = $2 WHERE customer_id = $1
), ticket AS (
    UPDATE tickets SET customer_id = $2 WHERE customer_id = $1
)
UPDATE customers SET merged_into = $2 WHERE customer_id = $1
