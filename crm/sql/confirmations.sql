-- name: confirm_identifier
-- The claim is proved: 'confirmed', 'repeated', or why not: 'unknown', 'declined', 'revoked'.
-- $1 uuid: confirmation
SELECT confirm_identifier($1)

-- name: decline_identifier
-- It was somebody else who claimed: 'declined', 'repeated', or why not: 'unknown', 'confirmed', 'revoked'.
-- $1 uuid: confirmation
SELECT decline_identifier($1)

-- name: confirm_by_reply
-- The owner of an address that a mail only claimed has answered a mail of ours in its conversation: as
-- confirm_identifier, or null when that proves nothing.
-- $1 uuid: conversation
-- $2 text[]: Message-IDs that the answer names
SELECT confirm_by_reply($1, $2)

-- name: fetch_asked
-- The conversation that a confirmation is about, with its ticket.
-- $1 uuid: confirmation
SELECT a.conversation_id, t.ticket_id FROM confirmations a
JOIN tickets t ON t.conversation_id = a.conversation_id
WHERE a.confirmation_id = $1

-- name: switch_mail
-- Says whether answers of the form also go by mail.
-- $1 boolean: whether they do
UPDATE channel_configs SET also_by_mail = $1 WHERE channel = 'web_form' AND also_by_mail <> $1

-- name: fetch_letters
-- What left by mail beside a conversation, the latest first.
-- $1 uuid: conversation
-- $2 integer: at most so many
SELECT o.kind, o.state, i.value AS address, o.error, o.created_at, o.finished_at, o.confirmation_id,
       a.state AS confirmation, o.created_at AS asked_at, t.ticket_id
FROM outbox o
JOIN conversations c ON c.conversation_id = o.conversation_id
JOIN tickets t ON t.conversation_id = c.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
LEFT JOIN confirmations a ON a.confirmation_id = o.confirmation_id
WHERE o.conversation_id = $1 AND o.kind <> 'message'
ORDER BY o.position DESC
LIMIT $2
