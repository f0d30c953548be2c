-- name: lock_work
-- Raises the fence of the customer of a conversation, so that a running turn loses; locks the work row.
-- $1 uuid: customer
SELECT raise_fence($1)

-- name: fetch_customer
-- Whose conversation it is.
-- $1 uuid: conversation
SELECT customer_id FROM conversations WHERE conversation_id = $1

-- name: lock_conversation
-- Locks a conversation of a customer and reads who owns it, and whether its customer opted out; no row when a merge
-- moved it.
-- $1 uuid: conversation
-- $2 uuid: customer
SELECT c.state, c.owner, c.owner_epoch, c.channel, i.opted_out_at IS NOT NULL AS opted_out
FROM conversations c JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
WHERE c.conversation_id = $1 AND c.customer_id = $2 FOR UPDATE OF c

-- name: record_owner
-- Gives a conversation to a person.
-- $1 uuid: conversation
-- $2 text: operator
UPDATE conversations SET state = 'escalated', owner = $2, owner_epoch = owner_epoch + 1, resolved_at = NULL
WHERE conversation_id = $1

-- name: record_taken
-- Marks the live escalation as taken, or makes one for a takeover that nobody asked for.
-- $1 uuid: conversation
-- $2 text: operator
INSERT INTO escalations AS e (conversation_id, reason_code, team, severity, summary, status, taken_by, taken_at)
VALUES ($1, 'taken_over', 'general', 'P3', 'A person took the conversation over.', 'taken', $2, clock_timestamp())
ON CONFLICT (conversation_id) WHERE status IN ('open', 'taken')
DO UPDATE SET status = 'taken', taken_by = $2, taken_at = clock_timestamp()

-- name: cancel_pending
-- Cancels what the FTE has written but not begun to send, or holds; a copy by mail follows its message.
-- $1 uuid: conversation
UPDATE outbox SET state = 'cancelled', finished_at = now(), error = 'superseded'
WHERE conversation_id = $1 AND author = 'fte' AND state IN ('pending', 'held') AND kind = 'message'

-- name: record_ticket_status
-- Sets the status of a conversation's ticket.
-- $1 uuid: conversation
-- $2 text: status
UPDATE tickets SET status = $2, updated_at = now() WHERE conversation_id = $1

-- name: fetch_reply
-- Finds a person's reply that an earlier request with the same key stored.
-- $1 text: send token
SELECT o.outbox_id, m.conversation_id, m.body FROM outbox o JOIN messages m ON m.message_id = o.message_id WHERE o.send_token = $1

-- name: record_reply
-- Stores a person's reply and puts it into the outbox.
-- $1 uuid: conversation
-- $2 text: body
-- $3 text: send token
-- $4 text: operator
WITH message AS (
    INSERT INTO messages (conversation_id, customer_id, channel, direction, author, body, operator)
    SELECT conversation_id, customer_id, channel, 'outbound', 'person', $2, $4 FROM conversations WHERE conversation_id = $1
    RETURNING message_id, conversation_id
)
INSERT INTO outbox (conversation_id, message_id, author, owner_epoch, send_token)
SELECT message.conversation_id, message.message_id, 'person', c.owner_epoch, $3
FROM message JOIN conversations c ON c.conversation_id = message.conversation_id

-- name: record_written_elsewhere
-- Stores what a person wrote to the customer outside of the desk, as delivered.
-- $1 uuid: conversation
-- $2 text: body
-- $3 text: token
-- $4 text: operator
-- $5 text: the provider's id
WITH message AS (
    INSERT INTO messages (conversation_id, customer_id, channel, direction, author, body, operator)
    SELECT conversation_id, customer_id, channel, 'outbound', 'person', $2, $4 FROM conversations WHERE conversation_id = $1
    RETURNING message_id, conversation_id
)
INSERT INTO outbox (conversation_id, message_id, author, owner_epoch, send_token, state, parts_sent, provider_message_id, finished_at)
SELECT message.conversation_id, message.message_id, 'person', c.owner_epoch, $3, 'sent', 1, $5, clock_timestamp()
FROM message JOIN conversations c ON c.conversation_id = message.conversation_id
RETURNING outbox_id

-- name: record_handed_back
-- Gives a conversation back to the FTE; its counters start anew. Where nobody had taken it, what the FTE has
-- written and not yet sent is still right.
-- $1 uuid: conversation
UPDATE conversations SET state = 'open', owner = NULL, owner_epoch = owner_epoch + (owner IS NOT NULL)::integer,
    negative_streak = 0, gap_streak = 0, held_notice_at = NULL,
    answered_at = CASE WHEN last_word_at($1) > last_message_at THEN clock_timestamp() END
WHERE conversation_id = $1

-- name: record_resolved
-- Ends a conversation.
-- $1 uuid: conversation
UPDATE conversations SET state = 'resolved', owner = NULL, owner_epoch = owner_epoch + 1, resolved_at = now(),
    negative_streak = 0, gap_streak = 0, held_notice_at = NULL, answered_at = NULL
WHERE conversation_id = $1

-- name: fetch_last_words
-- What the customer wrote after the last thing that we said, in order.
-- $1 uuid: conversation
SELECT m.body FROM messages m
WHERE m.conversation_id = $1 AND m.direction = 'inbound' AND m.created_at > last_word_at($1)
ORDER BY m.seq

-- name: record_resolution
-- Counts the end of a conversation, and appends the event.
-- $1 uuid: conversation
-- $2 text: assumed or confirmed
-- $3 text: who ended it
WITH ended AS (
    INSERT INTO resolutions (conversation_id, kind, resolved_by, confirmed_at)
    VALUES ($1, $2, $3, CASE WHEN $2 = 'confirmed' THEN clock_timestamp() END)
)
SELECT record_resolution_event($1, $2)

-- name: close_escalation
-- Ends the live escalation of a conversation.
-- $1 uuid: conversation
-- $2 text: handed_back or resolved
-- $3 text: note
-- $4 text: operator
UPDATE escalations SET status = $2, note = $3, closed_by = $4, closed_at = clock_timestamp()
WHERE conversation_id = $1 AND status IN ('open', 'taken')

-- name: has_queued
-- Whether a conversation has a message that no turn has handled.
-- $1 uuid: conversation
SELECT EXISTS (SELECT FROM messages WHERE conversation_id = $1 AND direction = 'inbound' AND outcome_id IS NULL)

-- name: fetch_last_message
-- The newest message of a conversation that was not withheld.
-- $1 uuid: conversation
SELECT m.message_id FROM messages m
LEFT JOIN outbox o ON o.message_id = m.message_id
WHERE m.conversation_id = $1 AND (m.direction = 'inbound' OR o.state NOT IN ('cancelled', 'failed'))
ORDER BY m.created_at DESC, m.message_id DESC
LIMIT 1

-- name: record_escalation
-- Hands a conversation to people.
-- $1 uuid: conversation
-- $2 text: reason code
-- $3 text: team
-- $4 text: severity
-- $5 text: summary
SELECT escalate_to_people($1, $2, $3, $4, $5)

-- name: record_event
-- Appends what a person did.
-- $1 uuid: conversation
-- $2 text: action
-- $3 text: operator
INSERT INTO events (topic, key, payload)
VALUES ('fte.escalations', $1::uuid::text, jsonb_build_object('conversation_id', $1::uuid, 'action', $2::text, 'operator', $3::text))

-- name: record_triage
-- Assigns a ticket's category, priority and subject, and appends the event; nothing for an unknown conversation.
-- $1 uuid: conversation
-- $2 text: category, null to leave it
-- $3 text: priority, null to leave it
-- $4 text: operator
-- $5 text: subject, null to leave it
WITH assigned AS (
    UPDATE tickets SET
        subject = coalesce($5, subject),
        category = coalesce($2, category), category_assigned = category_assigned OR $2 IS NOT NULL,
        priority = coalesce($3, priority), priority_assigned = priority_assigned OR $3 IS NOT NULL,
        assigned_by = CASE WHEN $2 IS NULL AND $3 IS NULL THEN assigned_by ELSE $4 END,
        assigned_at = CASE WHEN $2 IS NULL AND $3 IS NULL THEN assigned_at ELSE clock_timestamp() END,
        updated_at = clock_timestamp()
    WHERE conversation_id = $1
    RETURNING conversation_id, category, priority
)
INSERT INTO events (topic, key, payload)
SELECT 'fte.escalations', conversation_id::text,
       jsonb_build_object('conversation_id', conversation_id, 'action', 'triaged', 'operator', $4,
                          'category', category, 'priority', priority)
FROM assigned

-- name: record_plan
-- Sets the plan of a customer, and of whom it was merged into.
-- $1 uuid: customer
-- $2 text: plan
WITH RECURSIVE path AS (
    SELECT customer_id, merged_into FROM customers WHERE customer_id = $1
    UNION
    SELECT u.customer_id, u.merged_into FROM path p JOIN customers u ON u.customer_id = p.merged_into
)
UPDATE customers SET plan = $2 FROM path WHERE customers.customer_id = path.customer_id
