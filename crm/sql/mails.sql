-- name: fetch_handled
-- Which of these mails need nothing more.
-- $1 text[]: provider keys
SELECT provider_key FROM mails WHERE provider_key = ANY ($1) AND handled_at IS NOT NULL

-- name: fetch_referenced
-- The mails that we know of those referred to, in the order of the references, and then those of the provider's
-- thread, the latest first; each with whom its conversation is held, null where it belongs to none.
-- $1 text[]: Message-IDs, the one that counts most first
-- $2 text: mailbox
-- $3 text: the provider's thread
WITH known AS (
    SELECT r.n AS rank, 0 AS age, x.mail_id, x.root_id, x.provider_key, x.outbox_id
    FROM unnest($1::text[]) WITH ORDINALITY AS r (message_id, n)
    JOIN mails x ON x.message_id = r.message_id AND x.message_id <> ''
    UNION ALL
    SELECT r.n, 0, x.mail_id, x.root_id, x.provider_key, x.outbox_id
    FROM unnest($1::text[]) WITH ORDINALITY AS r (message_id, n)
    JOIN mails x ON x.rewritten_id = r.message_id AND x.rewritten_id <> ''
    UNION ALL
    SELECT * FROM (
        SELECT 100000, row_number() OVER (ORDER BY x.created_at DESC), x.mail_id, x.root_id, x.provider_key, x.outbox_id
        FROM mails x WHERE x.provider_thread = $3 AND x.provider_thread <> '' AND x.mailbox = $2
        ORDER BY x.created_at DESC LIMIT 50
    ) AS of_thread
)
SELECT k.root_id, c.conversation_id, c.channel, c.thread_key, i.kind AS identifier_kind, i.value AS identifier_value,
       i.verified_at IS NOT NULL AS verified
FROM known k
LEFT JOIN messages m ON m.channel = 'email' AND m.provider_message_id = k.provider_key AND m.direction = 'inbound'
LEFT JOIN outbox o ON o.outbox_id = k.outbox_id
LEFT JOIN conversations c ON c.conversation_id = coalesce(m.conversation_id, o.conversation_id)
LEFT JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
ORDER BY k.rank, k.age

-- name: record_seen
-- Keeps a mail as it is found in a mailbox, before anything is made of it; again it changes nothing.
-- $1 text: mailbox
-- $2 text: inbound or outbound
-- $3 text: provider key
-- $4 text: the provider's thread
-- $5 text: Message-ID
-- $6 text[]: what it refers to, the oldest first
-- $7 uuid: the root of the mails that it refers to, null for none
-- $8 text: subject
-- $9 text: Thread-Index
-- $10 bytea: the mail
-- $11 text: the sender's path, empty for none
WITH made AS (SELECT uuidv7() AS mail_id)
INSERT INTO mails (mail_id, mailbox, direction, provider_key, provider_thread, message_id, reference_ids, root_id, subject, thread_index, raw, sender_path)
SELECT mail_id, $1, $2, $3, $4, $5, $6, coalesce($7, mail_id), $8, $9, $10, $11 FROM made
ON CONFLICT (provider_key) DO NOTHING

-- name: record_handled
-- Says what became of a mail.
-- $1 text: provider key
-- $2 text: fate
-- $3 text: reason
UPDATE mails SET fate = $2, reason = $3, handled_at = clock_timestamp() WHERE provider_key = $1 AND handled_at IS NULL

-- name: record_outgoing
-- Keeps what identifies a mail of ours before it is sent; again it changes nothing.
-- $1 text: mailbox
-- $2 uuid: outbox row
-- $3 text: Message-ID
-- $4 text[]: what it refers to, the oldest first
-- $5 uuid: the root of the mails that it refers to, null for none
-- $6 text: subject
WITH made AS (SELECT uuidv7() AS mail_id)
INSERT INTO mails (mail_id, mailbox, direction, message_id, reference_ids, root_id, subject, outbox_id, conversation_id)
SELECT mail_id, $1, 'outbound', $3, $4, coalesce($5, mail_id), $6, o.outbox_id, o.conversation_id
FROM made JOIN outbox o ON o.outbox_id = $2
ON CONFLICT (outbox_id) DO NOTHING

-- name: record_sent_mail
-- Keeps what the provider made of a mail of ours.
-- $1 uuid: outbox row
-- $2 text: provider key
-- $3 text: the provider's thread
-- $4 text: Message-ID as it was sent
UPDATE mails SET
    provider_key = $2, provider_thread = $3, rewritten_id = CASE WHEN message_id = $4 THEN '' ELSE $4 END,
    fate = 'sent', handled_at = coalesce(handled_at, clock_timestamp())
WHERE outbox_id = $1 AND (provider_key IS NULL OR provider_key = $2)

-- name: fetch_own
-- The outbox row of a mail that carries our token or a Message-ID of ours.
-- $1 text: token, empty for none
-- $2 text: Message-ID
SELECT o.outbox_id FROM outbox o WHERE o.send_token = $1
UNION
SELECT x.outbox_id FROM mails x
WHERE x.direction = 'outbound' AND x.outbox_id IS NOT NULL AND x.message_id = $2 AND x.message_id <> ''
LIMIT 1

-- name: fetch_thread
-- What a reply of a conversation goes on from: the customer's latest mail of its thread, and the mails that we sent
-- after it. A request to confirm an address goes on from nothing and repeats no word of what was written there, so that
-- in a thread that a customer began by mail nothing goes on from it either.
-- $1 uuid: conversation
-- $2 uuid: the outbox row of the reply, which counts as no earlier mail
WITH thread AS (
    SELECT t.conversation_id, t.channel FROM conversations c
    JOIN conversations t ON t.channel = c.channel AND t.thread_key = c.thread_key
    WHERE c.conversation_id = $1 AND (SELECT o.kind FROM outbox o WHERE o.outbox_id = $2) <> 'confirmation'
), latest AS (
    SELECT x.* FROM messages m JOIN mails x ON x.provider_key = m.provider_message_id
    WHERE m.conversation_id IN (SELECT conversation_id FROM thread) AND m.direction = 'inbound'
    ORDER BY m.created_at DESC LIMIT 1
), own AS (
    SELECT x.* FROM mails x
    JOIN thread t ON t.conversation_id = x.conversation_id
    JOIN outbox o ON o.outbox_id = x.outbox_id AND (t.channel <> 'email' OR o.kind <> 'confirmation')
    WHERE x.outbox_id <> $2 AND x.fate IN ('sent', 'person')
      AND x.created_at > coalesce((SELECT created_at FROM latest), '-infinity')
)
SELECT 'inbound' AS direction, mailbox, provider_thread, message_id, reference_ids, root_id, subject, thread_index, created_at FROM latest
UNION ALL
SELECT 'outbound', mailbox, provider_thread, coalesce(nullif(rewritten_id, ''), message_id), reference_ids, root_id, subject, thread_index, created_at FROM own
ORDER BY created_at

-- name: count_replies
-- How many replies of the FTE went within the last hour to one address, or were written in conversations of mails that
-- refer to each other, whichever is more. To an address that somebody only claims none goes, so whoever writes in
-- another's name does not use up that one's replies.
-- $1 text: address
-- $2 uuid: root, null for none
SELECT greatest((
    SELECT count(*) FROM customer_identifiers i
    JOIN conversations c ON c.customer_id = i.customer_id AND c.identifier_id = i.identifier_id
    JOIN messages m ON m.conversation_id = c.conversation_id AND m.direction = 'outbound' AND m.author = 'fte'
    WHERE i.kind = 'email' AND i.key = identifier_key('email', $1) AND i.verified_at IS NOT NULL AND m.created_at > now() - interval '1 hour'
), (
    SELECT count(*) FROM (
        SELECT DISTINCT m.conversation_id FROM mails x
        JOIN messages m ON m.channel = 'email' AND m.provider_message_id = x.provider_key AND m.direction = 'inbound'
        WHERE x.root_id = $2
    ) AS related
    JOIN messages m ON m.conversation_id = related.conversation_id AND m.direction = 'outbound' AND m.author = 'fte'
    WHERE m.created_at > now() - interval '1 hour'
))::integer

-- name: fetch_bounced
-- The reply that a mail of ours carried.
-- $1 text: Message-ID of the mail
SELECT o.outbox_id, o.conversation_id, o.outcome_id, o.kind FROM mails x JOIN outbox o ON o.outbox_id = x.outbox_id
WHERE x.direction = 'outbound' AND $1 <> '' AND (x.message_id = $1 OR x.rewritten_id = $1)
LIMIT 1

-- name: record_bounced
-- Ends a reply that came back, one in hand when its courier hears of it; no row when it had ended so before.
-- $1 uuid: outbox row
-- $2 text: why
SELECT refuse_send(o.outbox_id, 'failed', $2) FROM outbox o
WHERE o.outbox_id = $1 AND o.refused_as IS NULL AND o.state IN ('sent', 'sending', 'unknown')

-- name: tie_bounce
-- Ties a bounce to the reply that it is about.
-- $1 text: provider key
-- $2 uuid: outbox row
UPDATE mails SET bounced_outbox_id = $2 WHERE provider_key = $1

-- name: tie_mail
-- Ties a mail that a person wrote to its outbox row.
-- $1 text: provider key
-- $2 uuid: outbox row
UPDATE mails SET outbox_id = o.outbox_id, conversation_id = o.conversation_id FROM outbox o
WHERE mails.provider_key = $1 AND o.outbox_id = $2

-- name: fetch_newest_conversation
-- The conversation in which a thread goes on.
-- $1 text: channel
-- $2 text: thread key
SELECT conversation_id FROM conversations WHERE channel = $1 AND thread_key = $2 ORDER BY created_at DESC LIMIT 1

-- name: fetch_left_drafts
-- Drafts at the provider of what is not sent any more, the oldest first.
-- $1 integer: at most so many
SELECT outbox_id, provider_draft FROM outbox
WHERE provider_draft IS NOT NULL AND state IN ('cancelled', 'failed')
ORDER BY position
LIMIT $1

-- name: forget_draft
-- A draft of what is not sent any more is gone.
-- $1 uuid: outbox row
-- $2 text: the draft
UPDATE outbox SET provider_draft = NULL WHERE outbox_id = $1 AND provider_draft = $2 AND state IN ('cancelled', 'failed')
