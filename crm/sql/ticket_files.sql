-- What an operator's assistant reads of one ticket or one customer.

-- name: fetch_file
-- A ticket with its conversation, identity and customer.
-- $1 text: ticket
SELECT c.conversation_id, c.channel, c.state, c.owner, c.owner_epoch, c.negative_streak, c.gap_streak, c.held_notice_at,
       i.kind AS identifier_kind, i.value AS identifier_value, i.verified_at, i.opted_out_at,
       u.customer_id, u.name AS customer_name, u.plan,
       t.ticket_id, t.status AS ticket_status, t.category, t.priority, t.subject, t.created_at AS ticket_created_at,
       (SELECT e.note FROM escalations e
        WHERE e.conversation_id = c.conversation_id AND e.status = 'handed_back'
        ORDER BY e.closed_at DESC LIMIT 1) AS handed_back_note
FROM tickets t
JOIN conversations c ON c.conversation_id = t.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
JOIN customers u ON u.customer_id = c.customer_id
WHERE t.ticket_id = $1

-- name: fetch_said
-- What was said in a conversation, newest first; what was not sent was not said. An answer is what a person or the
-- FTE replied, not an acknowledgement or a notice.
-- $1 uuid: conversation
-- $2 integer: at most so many
SELECT m.message_id, m.conversation_id, m.channel, m.direction, m.author, m.body, m.created_at, m.seq, m.sentiment,
       m.direction = 'outbound' AND (m.author = 'person' OR x.kind IS NOT DISTINCT FROM 'reply') AS is_answer
FROM messages m
LEFT JOIN outbox o ON o.message_id = m.message_id
LEFT JOIN outcomes x ON x.outcome_id = o.outcome_id
WHERE m.conversation_id = $1 AND (m.direction = 'inbound' OR o.state NOT IN ('cancelled', 'failed'))
ORDER BY m.created_at DESC, m.message_id DESC
LIMIT $2

-- name: fetch_customer
-- A customer, and whom they were merged into.
-- $1 uuid: customer
SELECT customer_id, name, plan, merged_into FROM customers WHERE customer_id = $1
