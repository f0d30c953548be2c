-- name: fetch_ticket
-- A ticket with what its page shows and what a further message of it needs.
-- $1 text: ticket
SELECT t.ticket_id, t.status, t.category, t.priority, t.created_at,
       c.conversation_id, c.channel, c.thread_key,
       i.kind AS identifier_kind, i.value AS identifier_value, i.verified_at IS NOT NULL AS verified, u.name, u.plan
FROM tickets t
JOIN conversations c ON c.conversation_id = t.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
JOIN customers u ON u.customer_id = c.customer_id
WHERE t.ticket_id = $1

-- name: fetch_shown_messages
-- What a customer may see of a conversation, newest first: own messages, and replies that were delivered.
-- $1 uuid: conversation
-- $2 integer: at most so many
SELECT m.direction, m.body, m.created_at
FROM messages m
LEFT JOIN outbox o ON o.message_id = m.message_id
WHERE m.conversation_id = $1 AND (m.direction = 'inbound' OR o.state = 'sent')
ORDER BY m.created_at DESC, m.message_id DESC
LIMIT $2

-- name: fetch_handed_over_at
-- Since when a conversation waits for, or belongs to, a person.
-- $1 uuid: conversation
SELECT created_at FROM escalations WHERE conversation_id = $1 AND status IN ('open', 'taken')

-- name: fetch_marks
-- For watched conversations a text that changes when there is something new to show.
-- $1 uuid[]: conversations
SELECT t.conversation_id, t.status || ' ' || count(o.outbox_id)::text AS mark
FROM tickets t
LEFT JOIN messages m ON m.conversation_id = t.conversation_id AND m.direction = 'outbound'
LEFT JOIN outbox o ON o.message_id = m.message_id AND o.state = 'sent'
WHERE t.conversation_id = ANY ($1)
GROUP BY t.conversation_id, t.status

-- name: fetch_replies_after
-- Delivered replies of a conversation in the order of their delivery, from after the one seen last.
-- $1 uuid: conversation
-- $2 uuid: message seen last, null for none
SELECT m.message_id, m.direction, m.body, m.created_at
FROM messages m
JOIN outbox o ON o.message_id = m.message_id AND o.state = 'sent'
LEFT JOIN outbox seen ON seen.message_id = $2 AND seen.conversation_id = $1
WHERE m.conversation_id = $1 AND m.direction = 'outbound'
  AND (seen.outbox_id IS NULL OR (o.finished_at, o.position) > (seen.finished_at, seen.position))
ORDER BY o.finished_at, o.position

-- name: fetch_conversation
-- A conversation with its ticket, its identity and its customer.
-- $1 uuid: conversation
SELECT c.conversation_id, c.channel, c.state, c.owner, c.created_at, c.last_message_at, c.resolved_at,
       t.ticket_id, t.status AS ticket_status, t.category, t.priority, t.subject, t.assigned_by,
       i.kind AS identifier_kind, i.value AS identifier_value, i.verified_at IS NOT NULL AS verified,
       u.customer_id, u.name AS customer_name, u.plan
FROM conversations c
JOIN tickets t ON t.conversation_id = c.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
JOIN customers u ON u.customer_id = c.customer_id
WHERE c.conversation_id = $1

-- name: fetch_messages
-- The messages of a conversation with what became of each, newest first.
-- $1 uuid: conversation
-- $2 integer: at most so many
SELECT m.message_id, m.direction, m.author, m.operator, m.body, m.created_at, m.sentiment, m.outcome_id,
       o.state AS delivery, CASE o.state WHEN 'failed' THEN o.error END AS delivery_error
FROM messages m
LEFT JOIN outbox o ON o.message_id = m.message_id
WHERE m.conversation_id = $1
ORDER BY m.created_at DESC, m.message_id DESC
LIMIT $2

-- name: fetch_outcomes
-- How the turns of a conversation ended and by which steps, newest first.
-- $1 uuid: conversation
-- $2 integer: at most so many
SELECT outcome_id, kind, reason, created_at, trace FROM outcomes
WHERE conversation_id = $1
ORDER BY created_at DESC
LIMIT $2

-- name: fetch_conversation_escalations
-- What was handed to people from a conversation, newest first.
-- $1 uuid: conversation
SELECT escalation_id, reason_code, team, severity, summary, status, taken_by, closed_by, note, created_at, taken_at,
       closed_at
FROM escalations
WHERE conversation_id = $1
ORDER BY created_at DESC

-- name: fetch_conversation_quarantine
-- Why a conversation was held back and how that ended. What a person took over meanwhile does not wait any more.
-- $1 uuid: conversation
SELECT q.reasons, q.created_at, q.ending, q.ended_by, q.ended_at,
       q.ending IS NULL AND EXISTS (
           SELECT FROM conversations c JOIN work w ON w.customer_id = c.customer_id AND w.due_at = 'infinity'
           WHERE c.conversation_id = q.conversation_id
       ) AS waits
FROM quarantine q
WHERE q.conversation_id = $1

-- name: fetch_owners
-- Whose an identifier is: the one customer who proved it first, then those who claimed it, newest first.
-- $1 text: identifier kind
-- $2 text: value
-- $3 integer: at most so many
SELECT u.customer_id, u.name, u.plan, u.created_at, bool_or(i.verified_at IS NOT NULL) AS verified
FROM customer_identifiers i
JOIN customers u ON u.customer_id = i.customer_id
WHERE i.kind = $1 AND i.key = identifier_key($1, $2)
GROUP BY u.customer_id
ORDER BY verified DESC, u.customer_id DESC
LIMIT $3

-- name: fetch_identifiers
-- The identifiers of customers.
-- $1 uuid[]: customers
SELECT customer_id, kind, value, verified_at IS NOT NULL AS verified, opted_out_at IS NOT NULL AS opted_out
FROM customer_identifiers
WHERE customer_id = ANY ($1)
ORDER BY identifier_id

-- name: fetch_customer_conversations
-- The latest conversations of customers, newest first.
-- $1 uuid[]: customers
-- $2 integer: at most so many of each
SELECT c.customer_id, c.conversation_id, t.ticket_id, c.channel, c.state, t.subject, c.created_at
FROM unnest($1::uuid[]) AS wanted (customer_id)
CROSS JOIN LATERAL (
    SELECT * FROM conversations WHERE conversations.customer_id = wanted.customer_id
    ORDER BY created_at DESC LIMIT $2
) c
JOIN tickets t ON t.conversation_id = c.conversation_id
ORDER BY c.created_at DESC

-- name: fetch_conversation_of_ticket
-- The conversation that a ticket is of.
-- $1 text: ticket
SELECT conversation_id FROM tickets WHERE ticket_id = $1

-- name: fetch_probe
-- How far one message has come: its outcome, the reply's state, and the measured times of its conversation.
-- $1 uuid: message
SELECT m.created_at, x.kind AS outcome_kind, x.reason, o.state AS delivery,
       extract(epoch FROM x.created_at - m.created_at)::double precision AS committed_s,
       extract(epoch FROM o.finished_at - m.created_at)::double precision AS delivered_s,
       (SELECT stages FROM agent_metrics g WHERE g.conversation_id = m.conversation_id AND g.kind = 'turn'
           AND g.created_at >= m.created_at ORDER BY g.metric_id LIMIT 1) AS stages
FROM messages m
LEFT JOIN outcomes x ON x.outcome_id = m.outcome_id
LEFT JOIN outbox o ON o.outcome_id = m.outcome_id
WHERE m.message_id = $1
