-- name: try_lock
-- Takes the lock of whoever writes samples, for as long as the connection keeps it; false when another has it.
-- $1 bigint: the lock's number
SELECT pg_try_advisory_lock($1)

-- name: unlock
-- Gives that lock back.
-- $1 bigint: the lock's number
SELECT pg_advisory_unlock($1)

-- name: read_clock
-- The time that rows written from now on are later than.
SELECT clock_timestamp()

-- name: make_due
-- Ends the quiet window of a customer's work, so that it can be claimed in the transaction that accepted it.
-- $1 uuid: customer
SELECT raise_fence($1)

-- name: fetch_stored
-- Which messages are stored, and whether their times were moved: an id keeps when its row was written.
-- $1 text[]: channels
-- $2 text[]: provider message ids
SELECT m.channel, m.provider_message_id, m.created_at < uuid_extract_timestamp(m.message_id) - interval '1 second' AS moved
FROM unnest($1::text[], $2::text[]) AS s (channel, key)
JOIN messages m ON m.channel = s.channel AND m.provider_message_id = s.key AND m.direction = 'inbound'

-- name: has_undelivered
-- Whether something of a conversation is still to be sent.
-- $1 uuid: conversation
SELECT EXISTS (SELECT FROM outbox WHERE conversation_id = $1 AND state IN ('pending', 'sending', 'unknown'))

-- name: move_conversation
-- Times of a conversation, earlier by the shift of the step in which each was written. What was there before the
-- first step stays, here and in the blocks below.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE conversations SET
    created_at = created_at - coalesce(($3::interval[])[width_bucket(created_at, $2::timestamptz[])], '0'),
    last_message_at = last_message_at - coalesce(($3::interval[])[width_bucket(last_message_at, $2::timestamptz[])], '0'),
    answered_at = answered_at - coalesce(($3::interval[])[width_bucket(answered_at, $2::timestamptz[])], '0'),
    held_notice_at = held_notice_at - coalesce(($3::interval[])[width_bucket(held_notice_at, $2::timestamptz[])], '0'),
    resolved_at = resolved_at - coalesce(($3::interval[])[width_bucket(resolved_at, $2::timestamptz[])], '0')
WHERE conversation_id = $1

-- name: move_customer
-- Times of the customer of a conversation, where it was the first of theirs.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE customers u SET
    created_at = u.created_at - coalesce(($3::interval[])[width_bucket(u.created_at, $2::timestamptz[])], '0')
FROM conversations c WHERE c.conversation_id = $1 AND u.customer_id = c.customer_id

-- name: move_identifier
-- Times of the identity of a conversation, where it was the first of theirs.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE customer_identifiers i SET
    created_at = i.created_at - coalesce(($3::interval[])[width_bucket(i.created_at, $2::timestamptz[])], '0'),
    verified_at = i.verified_at - coalesce(($3::interval[])[width_bucket(i.verified_at, $2::timestamptz[])], '0')
FROM conversations c WHERE c.conversation_id = $1 AND i.identifier_id = c.identifier_id

-- name: move_ticket
-- Times of a conversation's ticket. Its number keeps the day on which it was given.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE tickets SET
    created_at = created_at - coalesce(($3::interval[])[width_bucket(created_at, $2::timestamptz[])], '0'),
    updated_at = updated_at - coalesce(($3::interval[])[width_bucket(updated_at, $2::timestamptz[])], '0')
WHERE conversation_id = $1

-- name: move_messages
-- Times of a conversation's messages.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE messages SET
    created_at = created_at - coalesce(($3::interval[])[width_bucket(created_at, $2::timestamptz[])], '0')
WHERE conversation_id = $1

-- name: move_outcomes
-- Times of a conversation's outcomes.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE outcomes SET
    created_at = created_at - coalesce(($3::interval[])[width_bucket(created_at, $2::timestamptz[])], '0')
WHERE conversation_id = $1

-- name: move_outbox
-- Times of what was sent in a conversation.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE outbox SET
    created_at = created_at - coalesce(($3::interval[])[width_bucket(created_at, $2::timestamptz[])], '0'),
    due_at = due_at - coalesce(($3::interval[])[width_bucket(due_at, $2::timestamptz[])], '0'),
    finished_at = finished_at - coalesce(($3::interval[])[width_bucket(finished_at, $2::timestamptz[])], '0')
WHERE conversation_id = $1

-- name: move_escalations
-- Times of a conversation's escalations.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE escalations SET
    created_at = created_at - coalesce(($3::interval[])[width_bucket(created_at, $2::timestamptz[])], '0'),
    taken_at = taken_at - coalesce(($3::interval[])[width_bucket(taken_at, $2::timestamptz[])], '0'),
    raised_again_at = raised_again_at - coalesce(($3::interval[])[width_bucket(raised_again_at, $2::timestamptz[])], '0'),
    closed_at = closed_at - coalesce(($3::interval[])[width_bucket(closed_at, $2::timestamptz[])], '0')
WHERE conversation_id = $1

-- name: move_resolutions
-- Times of a conversation's ends.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE resolutions SET
    resolved_at = resolved_at - coalesce(($3::interval[])[width_bucket(resolved_at, $2::timestamptz[])], '0'),
    confirmed_at = confirmed_at - coalesce(($3::interval[])[width_bucket(confirmed_at, $2::timestamptz[])], '0'),
    reopened_at = reopened_at - coalesce(($3::interval[])[width_bucket(reopened_at, $2::timestamptz[])], '0'),
    surveyed_at = surveyed_at - coalesce(($3::interval[])[width_bucket(surveyed_at, $2::timestamptz[])], '0')
WHERE conversation_id = $1

-- name: move_events
-- Times of what was told of a conversation and of its ticket.
-- $1 uuid: conversation
-- $2 timestamptz[]: when each step began, ascending
-- $3 interval[]: the shift of each step
UPDATE events SET
    created_at = created_at - coalesce(($3::interval[])[width_bucket(created_at, $2::timestamptz[])], '0')
WHERE key IN (SELECT $1::uuid::text UNION ALL SELECT ticket_id FROM tickets WHERE conversation_id = $1)

-- name: lock_customers
-- Locks the work of the customers of messages, and of those merged into them, under a new fence, so that a running
-- turn of theirs loses.
-- $1 text[]: channels
-- $2 text[]: provider message ids
SELECT customer_id, raise_fence(customer_id)
FROM (
    SELECT DISTINCT u.customer_id
    FROM unnest($1::text[], $2::text[]) AS s (channel, key)
    JOIN messages m ON m.channel = s.channel AND m.provider_message_id = s.key AND m.direction = 'inbound'
    JOIN customers u ON m.customer_id IN (u.customer_id, u.merged_into)
    ORDER BY u.customer_id
) AS samples

-- name: count_others
-- Messages of customers beside the given ones.
-- $1 uuid[]: customers
-- $2 text[]: channels
-- $3 text[]: provider message ids
SELECT count(*)
FROM messages m
WHERE m.customer_id = ANY ($1::uuid[]) AND m.direction = 'inbound'
    AND NOT EXISTS (
        SELECT FROM unnest($2::text[], $3::text[]) AS s (channel, key)
        WHERE s.channel = m.channel AND s.key = m.provider_message_id)

-- name: delete_customers
-- Removes customers with all that is stored of them; returns how many conversations went.
-- $1 uuid[]: customers
WITH gone AS (
    SELECT c.conversation_id, t.ticket_id
    FROM conversations c JOIN tickets t ON t.conversation_id = c.conversation_id
    WHERE c.customer_id = ANY ($1::uuid[])
), merges AS (
    DELETE FROM customer_merges WHERE source_id = ANY ($1::uuid[]) OR target_id = ANY ($1::uuid[])
), attached AS (
    DELETE FROM attachments a USING gone WHERE a.conversation_id = gone.conversation_id
), asked AS (
    DELETE FROM confirmations a USING gone WHERE a.conversation_id = gone.conversation_id
), suspected AS (
    DELETE FROM quarantine q USING gone WHERE q.conversation_id = gone.conversation_id
), metrics AS (
    DELETE FROM agent_metrics g USING gone WHERE g.conversation_id = gone.conversation_id
), told AS (
    DELETE FROM events e USING gone WHERE e.key IN (gone.conversation_id::text, gone.ticket_id)
), solved AS (
    DELETE FROM resolutions r USING gone WHERE r.conversation_id = gone.conversation_id
), raised AS (
    DELETE FROM escalations e USING gone WHERE e.conversation_id = gone.conversation_id
), sent AS (
    DELETE FROM outbox o USING gone WHERE o.conversation_id = gone.conversation_id
), said AS (
    DELETE FROM messages m USING gone WHERE m.conversation_id = gone.conversation_id
), ended AS (
    DELETE FROM outcomes o USING gone WHERE o.conversation_id = gone.conversation_id
), numbered AS (
    DELETE FROM tickets t USING gone WHERE t.conversation_id = gone.conversation_id
), held AS (
    DELETE FROM conversations c USING gone WHERE c.conversation_id = gone.conversation_id RETURNING 1
), known AS (
    DELETE FROM customer_identifiers i WHERE i.customer_id = ANY ($1::uuid[])
), queued AS (
    DELETE FROM work w WHERE w.customer_id = ANY ($1::uuid[])
), left_over AS (
    DELETE FROM customers u WHERE u.customer_id = ANY ($1::uuid[])
)
SELECT count(*) FROM held
