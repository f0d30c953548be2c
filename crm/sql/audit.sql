-- name: set_time_limit
-- Gives the audit's own transaction more time than a query of the live system has.
-- $1 text: the limit, as in '60s'
SELECT set_config('statement_timeout', $1, true)

-- name: compare_missing
-- A sender was told that its message is accepted, and it is not stored.
-- $1 text[]: channels
-- $2 text[]: provider message ids
-- $3 bytea[]: SHA-256 of the bodies
-- $4 text[]: groups, messages of one group belong to one thread; empty for not known
-- $5 boolean[]: whether the sender was told that it is accepted
SELECT format('the acknowledged %s message %s is not stored', s.channel, s.key) AS finding
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::boolean[]) AS s (channel, key, digest, label, acknowledged)
WHERE s.acknowledged AND NOT EXISTS (
    SELECT FROM messages m
    WHERE m.channel = s.channel AND m.provider_message_id = s.key AND m.direction = 'inbound'
)

-- name: compare_bodies
-- A message is stored with other words than were sent.
-- $1 text[]: channels
-- $2 text[]: provider message ids
-- $3 bytea[]: SHA-256 of the bodies
-- $4 text[]: groups
-- $5 boolean[]: whether acknowledged
SELECT format('message %s is stored with another body than %s message %s had', m.message_id, s.channel, s.key) AS finding
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::boolean[]) AS s (channel, key, digest, label, acknowledged)
JOIN messages m ON m.channel = s.channel AND m.provider_message_id = s.key AND m.direction = 'inbound'
WHERE sha256(convert_to(m.body, 'UTF8')) <> s.digest

-- name: compare_threads
-- Messages of one group are spread over threads, or one thread holds messages of several groups.
-- $1 text[]: channels
-- $2 text[]: provider message ids
-- $3 bytea[]: SHA-256 of the bodies
-- $4 text[]: groups
-- $5 boolean[]: whether acknowledged
WITH placed AS (
    SELECT DISTINCT s.channel, s.label, c.thread_key
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::boolean[]) AS s (channel, key, digest, label, acknowledged)
    JOIN messages m ON m.channel = s.channel AND m.provider_message_id = s.key AND m.direction = 'inbound'
    JOIN conversations c ON c.conversation_id = m.conversation_id
    WHERE s.label <> ''
)
SELECT format('%s messages of group %s are stored under the threads %s', channel, label, string_agg(thread_key, ', ' ORDER BY thread_key)) AS finding
FROM placed GROUP BY channel, label HAVING count(*) > 1
UNION ALL
SELECT format('%s thread %s holds messages of the groups %s', channel, thread_key, string_agg(label, ', ' ORDER BY label))
FROM placed GROUP BY channel, thread_key HAVING count(*) > 1

-- name: compare_unsent
-- A message is stored that nobody sent; asked only of senders that know all that was sent.
-- $1 text[]: channels
-- $2 text[]: provider message ids
-- $3 bytea[]: SHA-256 of the bodies
-- $4 text[]: groups
-- $5 boolean[]: whether acknowledged
SELECT format('message %s (%s message %s) is stored, and nobody sent it', m.message_id, m.channel, m.provider_message_id) AS finding
FROM messages m
WHERE m.direction = 'inbound' AND NOT EXISTS (
    SELECT FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::boolean[]) AS s (channel, key, digest, label, acknowledged)
    WHERE s.channel = m.channel AND s.key = m.provider_message_id
)

-- name: find_stored_twice
-- A provider's message is stored more than once.
SELECT format('%s message %s is stored %s times: %s', channel, provider_message_id, count(*), string_agg(message_id::text, ', ')) AS finding
FROM messages WHERE direction = 'inbound'
GROUP BY channel, provider_message_id HAVING count(*) > 1

-- name: find_foreign_outcome
-- A message was ended by a turn of another conversation.
SELECT format('message %s of conversation %s was ended by outcome %s of conversation %s', m.message_id, m.conversation_id, o.outcome_id, o.conversation_id) AS finding
FROM messages m JOIN outcomes o ON o.outcome_id = m.outcome_id
WHERE m.conversation_id <> o.conversation_id

-- name: find_empty_outcome
-- An outcome covers no message.
SELECT format('outcome %s (%s) covers no message', o.outcome_id, o.kind) AS finding
FROM outcomes o
WHERE NOT EXISTS (SELECT FROM messages m WHERE m.outcome_id = o.outcome_id AND m.direction = 'inbound')

-- name: find_wrong_reply_count
-- An outcome has more replies than one, or a reply none.
SELECT format('outcome %s (%s) has %s outbox rows', o.outcome_id, o.kind, count(b.outbox_id)) AS finding
FROM outcomes o LEFT JOIN outbox b ON b.outcome_id = o.outcome_id
GROUP BY o.outcome_id HAVING count(b.outbox_id) > 1 OR (o.kind = 'reply' AND count(b.outbox_id) = 0)

-- name: find_malformed_outbound
-- An outbound message and its outbox row do not belong together, or one of them is missing.
SELECT CASE
    WHEN b.outbox_id IS NULL THEN format('outbound message %s has no outbox row', m.message_id)
    ELSE format('outbox row %s does not fit its message %s', b.outbox_id, m.message_id)
END AS finding
FROM messages m LEFT JOIN outbox b ON b.message_id = m.message_id LEFT JOIN outcomes o ON o.outcome_id = b.outcome_id
WHERE (m.direction = 'outbound' AND (
        b.outbox_id IS NULL OR m.body = '' OR b.author <> m.author OR b.conversation_id <> m.conversation_id
        OR (m.author = 'fte' AND b.outcome_id IS NULL) OR o.conversation_id <> m.conversation_id
    )) OR (m.direction = 'inbound' AND b.outbox_id IS NOT NULL)

-- name: find_causeless_cancellation
-- Something was not sent although no person took over, the identity did not opt out, and the owner of the address never
-- said that somebody else wrote. A copy goes as its message.
SELECT format('outbox row %s of conversation %s was cancelled, but no person took over and nobody opted out', b.outbox_id, b.conversation_id) AS finding
FROM outbox b
JOIN conversations c ON c.conversation_id = b.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
WHERE b.state = 'cancelled' AND (b.author = 'person' OR b.kind <> 'message' OR c.owner_epoch <= b.owner_epoch)
  AND i.opted_out_at IS NULL
  AND NOT EXISTS (SELECT FROM outbox x WHERE x.outbox_id = b.copy_of AND x.state IN ('cancelled', 'failed'))
  AND NOT (c.channel = 'email' AND EXISTS (
    SELECT FROM confirmations a WHERE a.identifier_id = i.identifier_id AND a.state = 'declined'))
  AND NOT EXISTS (
    SELECT FROM consents s WHERE s.identifier_id = c.identifier_id AND s.opted_out AND s.created_at >= b.created_at)

-- name: find_reply_after_opt_out
-- Somebody was written to who had asked not to be.
SELECT format('outbox row %s of conversation %s was written and sent after an opt-out', b.outbox_id, b.conversation_id) AS finding
FROM outbox b JOIN conversations c ON c.conversation_id = b.conversation_id
WHERE b.state = 'sent' AND NOT b.is_consent AND (
    SELECT s.opted_out FROM consents s WHERE s.identifier_id = c.identifier_id AND s.created_at < b.created_at
    ORDER BY s.consent_id DESC LIMIT 1)

-- name: find_unsaid_consent
-- An opt-out or opt-in stands otherwise than the identity's last word.
SELECT format('identifier %s is %s, its last word was the opposite', i.identifier_id, CASE WHEN i.opted_out_at IS NULL THEN 'opted in' ELSE 'opted out' END) AS finding
FROM customer_identifiers i
JOIN LATERAL (
    SELECT s.opted_out FROM consents s WHERE s.identifier_id = i.identifier_id ORDER BY s.consent_id DESC LIMIT 1
) last ON true
WHERE last.opted_out <> (i.opted_out_at IS NOT NULL)

-- name: find_torn_parts
-- A text was sent in parts and not all of them, or more of them than it has, left.
SELECT format('outbox row %s of conversation %s is %s after %s of %s parts', b.outbox_id, b.conversation_id, b.state, b.parts_sent, coalesce(cardinality(b.parts), 1)) AS finding
FROM outbox b
WHERE b.parts_sent > coalesce(cardinality(b.parts), 1) OR (b.state = 'sent' AND b.parts_sent <> coalesce(cardinality(b.parts), 1))

-- name: find_sent_twice
-- A part was sent more than once: the provider reports on it under an id that is not the part's.
SELECT format('part %s of outbox row %s was sent as %s', e.part, e.outbox_id, string_agg(DISTINCT e.provider_message_id, ', ')) AS finding
FROM (
    SELECT outbox_id, part, provider_message_id FROM delivery_events
    UNION SELECT outbox_id, part, provider_message_id FROM outbox_parts
) e GROUP BY e.outbox_id, e.part HAVING count(*) > 1

-- name: find_ignored_report
-- The provider reported that a part was not delivered, and nothing came of it.
SELECT format('part %s of outbox row %s was reported %s, and the row is %s', p.part, p.outbox_id, p.status, b.state) AS finding
FROM outbox_parts p JOIN outbox b ON b.outbox_id = p.outbox_id
WHERE p.status IN ('failed', 'undelivered', 'canceled') AND (b.refused_as IS NULL OR b.state = 'sent')

-- name: find_silent_failure
-- A reply failed and nobody was told: no escalation of its thread was live then or after. That an address could not be
-- asked to confirm itself is nobody's work.
SELECT format('outbox row %s of conversation %s failed without an escalation', b.outbox_id, b.conversation_id) AS finding
FROM outbox b JOIN conversations c ON c.conversation_id = b.conversation_id
WHERE b.state = 'failed' AND b.kind <> 'confirmation' AND NOT EXISTS (
    SELECT FROM escalations e JOIN conversations t ON t.conversation_id = e.conversation_id
    WHERE t.channel = c.channel AND t.thread_key = c.thread_key
      AND (e.closed_at IS NULL OR e.closed_at >= b.finished_at)
)

-- name: find_missing_escalation
-- An escalation or dead letter reached nobody: no escalation is its own or was live when it was written.
SELECT format('outcome %s (%s) of conversation %s has no escalation', o.outcome_id, o.kind, o.conversation_id) AS finding
FROM outcomes o
WHERE o.kind IN ('escalation', 'dead_letter') AND NOT EXISTS (
    SELECT FROM escalations e WHERE e.outcome_id = o.outcome_id OR (
        e.conversation_id = o.conversation_id AND e.created_at <= o.created_at
        AND (e.closed_at IS NULL OR e.closed_at >= o.created_at))
)

-- name: find_missing_acknowledgement
-- A customer was handed to a person and not told; one that already waits for a person was told before.
SELECT format('outcome %s (%s) of conversation %s has no acknowledgement', o.outcome_id, o.kind, o.conversation_id) AS finding
FROM outcomes o
WHERE o.kind IN ('escalation', 'dead_letter')
  AND NOT EXISTS (SELECT FROM outbox b WHERE b.outcome_id = o.outcome_id)
  AND NOT EXISTS (
    SELECT FROM escalations e
    WHERE e.conversation_id = o.conversation_id AND e.outcome_id IS DISTINCT FROM o.outcome_id
      AND e.created_at <= o.created_at AND (e.closed_at IS NULL OR e.closed_at >= o.created_at))

-- name: find_held_for_nobody
-- A message was held while no person had or was asked to take its conversation.
SELECT format('outcome %s holds messages of conversation %s for nobody', o.outcome_id, o.conversation_id) AS finding
FROM outcomes o
WHERE o.kind = 'held' AND NOT EXISTS (
    SELECT FROM escalations e WHERE e.conversation_id = o.conversation_id AND e.created_at <= o.created_at
      AND (e.closed_at IS NULL OR e.closed_at >= o.created_at))

-- name: find_repeated_notice
-- A customer was told more than once in one escalation that a person has the conversation.
SELECT format('escalation %s of conversation %s has %s notices', e.escalation_id, e.conversation_id, count(*)) AS finding
FROM escalations e
JOIN outcomes o ON o.conversation_id = e.conversation_id AND o.kind = 'held'
    AND o.created_at >= e.created_at AND (e.closed_at IS NULL OR o.created_at <= e.closed_at)
JOIN outbox b ON b.outcome_id = o.outcome_id
GROUP BY e.escalation_id HAVING count(*) > 1

-- name: find_reply_over_a_person
-- The FTE answered while a person had the conversation or was waited for.
SELECT format('outcome %s is a reply in conversation %s, which escalation %s had given to a person', o.outcome_id, o.conversation_id, e.escalation_id) AS finding
FROM outcomes o JOIN escalations e ON e.conversation_id = o.conversation_id
WHERE o.kind = 'reply' AND e.outcome_id IS DISTINCT FROM o.outcome_id
  AND o.created_at > e.created_at AND (e.closed_at IS NULL OR o.created_at < e.closed_at)

-- name: find_disorder_in_conversation
-- A message of a conversation was ended before an earlier one, other than by accept itself, which is fence 0.
SELECT format('message %s (seq %s) of conversation %s was ended before message %s (seq %s)', later_id, later_seq, conversation_id, message_id, seq) AS finding
FROM (
    SELECT m.conversation_id, m.message_id, m.seq, m.outcome_id,
           lead(m.message_id) OVER w AS later_id, lead(m.seq) OVER w AS later_seq, lead(m.outcome_id) OVER w AS later_outcome
    FROM messages m LEFT JOIN outcomes o ON o.outcome_id = m.outcome_id
    WHERE m.direction = 'inbound' AND (o.kind <> 'suppressed' OR o.fence > 0) IS NOT FALSE
    WINDOW w AS (PARTITION BY m.conversation_id ORDER BY m.seq)
) pair
WHERE later_outcome IS NOT NULL AND (outcome_id IS NULL OR later_outcome < outcome_id)

-- name: find_disorder_of_customer
-- A message of a customer was ended before an earlier one of another conversation; a merge starts anew, and a word on
-- being written to waits for no turn.
SELECT format('message %s (seq %s) of customer %s was ended before message %s (seq %s)', later_id, later_seq, customer_id, message_id, seq) AS finding
FROM (
    SELECT m.customer_id, m.message_id, m.seq, m.outcome_id,
           lead(m.message_id) OVER w AS later_id, lead(m.seq) OVER w AS later_seq, lead(m.outcome_id) OVER w AS later_outcome
    FROM messages m LEFT JOIN outcomes o ON o.outcome_id = m.outcome_id
    WHERE m.direction = 'inbound' AND (o.kind <> 'suppressed' OR o.fence > 0) IS NOT FALSE AND (o.created_at IS NULL OR NOT EXISTS (
        SELECT FROM customer_merges g WHERE g.target_id = m.customer_id AND g.created_at > o.created_at))
      AND coalesce(o.kind <> 'suppressed' OR o.reason NOT IN ('opt_out', 'opt_in'), true)
    WINDOW w AS (PARTITION BY m.customer_id ORDER BY m.seq)
) pair
WHERE later_outcome IS NOT NULL AND (outcome_id IS NULL OR later_outcome < outcome_id)

-- name: find_seq_clash
-- Two messages of a customer have one place in the order, or the work row counts fewer than there are.
SELECT format('customer %s has %s messages with seq %s', m.customer_id, count(*), m.seq) AS finding
FROM messages m WHERE m.seq IS NOT NULL GROUP BY m.customer_id, m.seq HAVING count(*) > 1
UNION ALL
SELECT format('the work row of customer %s is at seq %s, its messages at %s', m.customer_id, w.seq, max(m.seq))
FROM messages m LEFT JOIN work w ON w.customer_id = m.customer_id
WHERE m.seq IS NOT NULL GROUP BY m.customer_id, w.seq HAVING max(m.seq) > coalesce(w.seq, 0)

-- name: find_delivery_out_of_order
-- Something of a conversation was delivered after what followed it; what goes by mail beside it has its own order, and
-- what a person wrote elsewhere, which the courier never attempted, follows nothing.
SELECT format('outbox row %s of conversation %s was delivered before row %s, which precedes it', later_id, conversation_id, outbox_id) AS finding
FROM (
    SELECT b.conversation_id, b.outbox_id, b.finished_at,
           lead(b.outbox_id) OVER w AS later_id, lead(b.finished_at) OVER w AS later_at
    FROM outbox b WHERE b.state = 'sent' AND b.attempts > 0
    WINDOW w AS (PARTITION BY b.conversation_id, b.kind = 'message' ORDER BY b.position)
) pair
WHERE later_at < finished_at
UNION ALL
SELECT format('outbox row %s of conversation %s was begun while row %s, which precedes it, was open', l.outbox_id, l.conversation_id, b.outbox_id)
FROM outbox b JOIN outbox l ON l.conversation_id = b.conversation_id AND l.position > b.position
    AND (l.kind = 'message') = (b.kind = 'message')
WHERE b.state IN ('pending', 'sending', 'unknown') AND l.state IN ('sending', 'unknown', 'sent', 'failed')
  AND l.attempts > 0

-- name: find_wrong_letter
-- Mail went, or is to go, beside a conversation to an address that was never proved, or before what it is a copy of.
SELECT format('outbox row %s of conversation %s copies answers to an address that was not confirmed', b.outbox_id, b.conversation_id) AS finding
FROM outbox b
JOIN conversations c ON c.conversation_id = b.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
WHERE b.kind = 'copy' AND i.verified_at IS NULL AND NOT EXISTS (
    SELECT FROM confirmations a WHERE a.identifier_id = i.identifier_id AND a.state = 'revoked')
UNION ALL
SELECT format('outbox row %s is %s, and row %s that it is a copy of is %s', b.outbox_id, b.state, x.outbox_id, x.state)
FROM outbox b JOIN outbox x ON x.outbox_id = b.copy_of
WHERE x.conversation_id <> b.conversation_id OR x.kind <> 'message'
   OR (b.state IN ('sending', 'unknown', 'sent') AND x.state IN ('pending', 'sending', 'unknown', 'cancelled'))
UNION ALL
SELECT format('outbox row %s asks for a confirmation that is %s', b.outbox_id, a.state)
FROM outbox b JOIN confirmations a ON a.confirmation_id = b.confirmation_id
WHERE a.state = 'limited' OR a.conversation_id <> b.conversation_id

-- name: find_unproven_mail
-- The FTE's own words went, or are to go, by mail to an address that nobody has proved, and no confirmation of the thirty
-- days before speaks for all mail of the conversation. A merge that was undone took its proof back; before the migration
-- nothing was held.
SELECT format('outbox row %s of conversation %s is %s, and nobody proved the address that it goes to', b.outbox_id, b.conversation_id, b.state) AS finding
FROM outbox b
JOIN conversations c ON c.conversation_id = b.conversation_id AND c.channel = 'email'
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id AND i.verified_at IS NULL
JOIN messages m ON m.message_id = b.message_id AND NOT m.synthetic
WHERE b.author = 'fte' AND b.state IN ('pending', 'sending', 'unknown', 'sent') AND NOT EXISTS (
    SELECT FROM confirmations a WHERE a.identifier_id = i.identifier_id AND a.state = 'revoked')
  AND NOT EXISTS (
    SELECT FROM confirmations r
    WHERE r.confirmation_id = b.remembered_by AND r.key = i.key AND r.state IN ('confirmed', 'revoked') AND r.sender_path <> ''
      AND r.ended_at BETWEEN b.created_at - interval '30 days 1 minute' AND b.created_at
      AND NOT EXISTS (
        SELECT FROM messages x LEFT JOIN mails f ON f.provider_key = x.provider_message_id
        WHERE x.conversation_id = b.conversation_id AND x.direction = 'inbound' AND x.created_at < b.created_at
          AND f.sender_path IS DISTINCT FROM r.sender_path)
      AND NOT EXISTS (
        SELECT FROM confirmations d
        WHERE d.key = r.key AND d.state = 'declined'
          AND d.ended_at BETWEEN b.created_at - interval '30 days' AND b.created_at - interval '1 minute'))
  AND b.created_at > (SELECT applied_at FROM migrations WHERE name = '0017_unproven_mail.sql')

-- name: find_silent_hold
-- An answer is held for good: its address is proved already, or nobody was asked and no person ever saw it.
SELECT format('outbox row %s of conversation %s is held, and its address is proved', b.outbox_id, b.conversation_id) AS finding
FROM outbox b
JOIN conversations c ON c.conversation_id = b.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
WHERE b.state = 'held' AND i.verified_at IS NOT NULL
UNION ALL
SELECT format('outbox row %s of conversation %s is held, and nobody was asked or told', b.outbox_id, b.conversation_id)
FROM outbox b JOIN conversations c ON c.conversation_id = b.conversation_id
WHERE b.state = 'held' AND c.state <> 'resolved'
  AND NOT EXISTS (SELECT FROM confirmations a WHERE a.identifier_id = c.identifier_id AND a.state = 'asked')
  AND NOT EXISTS (SELECT FROM escalations e WHERE e.conversation_id = c.conversation_id)

-- name: find_forgotten_work
-- Messages wait, and nothing will ever look at them.
SELECT format('message %s of customer %s is queued, but no work is due', m.message_id, m.customer_id) AS finding
FROM messages m LEFT JOIN work w ON w.customer_id = m.customer_id
WHERE m.direction = 'inbound' AND m.outcome_id IS NULL AND w.due_at IS NULL

-- name: find_hold_without_quarantine
-- Messages wait for a person's word, and no list shows them.
SELECT format('the work of customer %s waits in no quarantine', w.customer_id) AS finding
FROM work w
WHERE w.due_at = 'infinity' AND NOT EXISTS (
    SELECT FROM quarantine q JOIN conversations c ON c.conversation_id = q.conversation_id
    WHERE c.customer_id = w.customer_id AND q.ending IS NULL)

-- name: find_state_without_escalation
-- A conversation is with people and no escalation is live, or the other way round.
SELECT format('conversation %s is %s and has %s live escalations', c.conversation_id, c.state, count(e.escalation_id)) AS finding
FROM conversations c
LEFT JOIN escalations e ON e.conversation_id = c.conversation_id AND e.status IN ('open', 'taken')
GROUP BY c.conversation_id HAVING count(e.escalation_id) <> (c.state = 'escalated')::integer
UNION ALL
SELECT format('conversation %s belongs to %s, but its escalation is with %s', c.conversation_id, coalesce(c.owner, 'nobody'), coalesce(e.taken_by, 'nobody'))
FROM conversations c JOIN escalations e ON e.conversation_id = c.conversation_id AND e.status IN ('open', 'taken')
WHERE c.owner IS DISTINCT FROM e.taken_by

-- name: find_wrong_ticket
-- A conversation has no ticket or several, or a ticket contradicts its conversation.
SELECT format('conversation %s has %s tickets', c.conversation_id, count(t.ticket_id)) AS finding
FROM conversations c LEFT JOIN tickets t ON t.conversation_id = c.conversation_id
GROUP BY c.conversation_id HAVING count(t.ticket_id) <> 1
UNION ALL
SELECT format('ticket id %s is malformed', t.ticket_id) FROM tickets t WHERE t.ticket_id !~ '^TF-\d{8}-\d{4,}$'
UNION ALL
SELECT format('ticket %s is %s, its conversation %s is %s', t.ticket_id, t.status, c.conversation_id, c.state)
FROM conversations c JOIN tickets t ON t.conversation_id = c.conversation_id
WHERE (c.state = 'escalated') <> (t.status = 'escalated') OR (c.state = 'resolved') <> (t.status IN ('resolved', 'closed'))

-- name: find_wrong_resolution
-- A resolved conversation is not counted as such, or one that is not (any more) still is. What was discarded as spam
-- was never to be solved.
SELECT format('conversation %s is %s and has %s standing resolutions', c.conversation_id, c.state, count(r.resolution_id)) AS finding
FROM conversations c
JOIN tickets t ON t.conversation_id = c.conversation_id
LEFT JOIN resolutions r ON r.conversation_id = c.conversation_id AND r.reopened_at IS NULL
GROUP BY c.conversation_id, t.ticket_id
HAVING count(r.resolution_id) <> (c.state = 'resolved' AND t.status <> 'closed')::integer

-- name: find_hasty_end
-- A conversation was ended while a message in it was unread.
SELECT format('conversation %s was ended by %s while message %s was unread', r.conversation_id, r.resolved_by, m.message_id) AS finding
FROM resolutions r
JOIN messages m ON m.conversation_id = r.conversation_id AND m.direction = 'inbound' AND m.created_at < r.resolved_at
LEFT JOIN outcomes o ON o.outcome_id = m.outcome_id
WHERE o.created_at IS NULL OR o.created_at > r.resolved_at

-- name: find_ignored_survey
-- A customer said that it is not solved, and nothing came of it.
SELECT format('conversation %s still counts as resolved, but its customer said no', r.conversation_id) AS finding
FROM resolutions r
WHERE r.solved = false AND (r.reopened_at IS NULL OR NOT EXISTS (
    SELECT FROM escalations e WHERE e.conversation_id = r.conversation_id AND e.created_at >= r.surveyed_at))

-- name: find_late_reminder
-- An escalation was raised again after somebody had taken or ended it.
SELECT format('escalation %s of conversation %s was raised again after it was taken or ended', e.escalation_id, e.conversation_id) AS finding
FROM escalations e
WHERE e.raised_again_at > least(e.taken_at, e.closed_at) OR (e.reminders > 0) <> (e.raised_again_at IS NOT NULL)

-- name: find_lost_in_merge
-- Something still belongs to a customer that was merged away, or parts of a conversation to different customers.
SELECT format('%s %s belongs to customer %s, who was merged away', r.kind, r.id, r.customer_id) AS finding
FROM (
    SELECT 'message' AS kind, message_id::text AS id, customer_id FROM messages
    UNION ALL SELECT 'conversation', conversation_id::text, customer_id FROM conversations
    UNION ALL SELECT 'ticket', ticket_id, customer_id FROM tickets
    UNION ALL SELECT 'identifier', identifier_id::text, customer_id FROM customer_identifiers
    UNION ALL SELECT 'due work', fence::text, customer_id FROM work WHERE due_at IS NOT NULL
) r JOIN customers u ON u.customer_id = r.customer_id
WHERE u.merged_into IS NOT NULL
UNION ALL
SELECT format('%s of conversation %s belongs to customer %s, the conversation to customer %s', r.kind, c.conversation_id, r.customer_id, c.customer_id)
FROM conversations c JOIN (
    SELECT 'a message' AS kind, conversation_id, customer_id FROM messages
    UNION ALL SELECT 'the ticket', conversation_id, customer_id FROM tickets
    UNION ALL SELECT 'the identifier', x.conversation_id, i.customer_id
        FROM conversations x JOIN customer_identifiers i ON i.identifier_id = x.identifier_id
) r ON r.conversation_id = c.conversation_id
WHERE r.customer_id <> c.customer_id

-- name: find_misdirected_merge
-- What a merge moved is not with the customer where the merges lead.
WITH RECURSIVE path AS (
    SELECT g.merge_id, g.target_id AS customer_id FROM customer_merges g WHERE g.undone_at IS NULL
    UNION
    SELECT p.merge_id, u.merged_into FROM path p JOIN customers u ON u.customer_id = p.customer_id WHERE u.merged_into IS NOT NULL
), final AS (
    SELECT p.merge_id, p.customer_id FROM path p JOIN customers u ON u.customer_id = p.customer_id WHERE u.merged_into IS NULL
)
SELECT format('merge %s moved conversation %s, which is now with customer %s', g.merge_id, c.conversation_id, c.customer_id) AS finding
FROM customer_merges g JOIN final f ON f.merge_id = g.merge_id JOIN conversations c ON c.conversation_id = ANY (g.conversation_ids)
WHERE c.customer_id <> f.customer_id
UNION ALL
SELECT format('merge %s moved identifier %s, which is now with customer %s', g.merge_id, i.identifier_id, i.customer_id)
FROM customer_merges g JOIN final f ON f.merge_id = g.merge_id JOIN customer_identifiers i ON i.identifier_id = ANY (g.identifier_ids)
WHERE i.customer_id <> f.customer_id
UNION ALL
SELECT format('merge %s has lost %s of the conversations and identifiers that it moved', g.merge_id, gone.number)
FROM customer_merges g CROSS JOIN LATERAL (
    SELECT cardinality(g.conversation_ids) + cardinality(g.identifier_ids)
         - (SELECT count(*) FROM conversations c WHERE c.conversation_id = ANY (g.conversation_ids))
         - (SELECT count(*) FROM customer_identifiers i WHERE i.identifier_id = ANY (g.identifier_ids)) AS number
) gone
WHERE gone.number > 0

-- name: find_wrong_undo
-- What a merge had moved is still with the other customer although the merge was undone.
WITH RECURSIVE path AS (
    SELECT customer_id AS began, customer_id, merged_into FROM customers
    WHERE customer_id IN (SELECT source_id FROM customer_merges UNION SELECT target_id FROM customer_merges)
    UNION
    SELECT p.began, u.customer_id, u.merged_into FROM path p JOIN customers u ON u.customer_id = p.merged_into
), final AS (
    SELECT began, customer_id FROM path WHERE merged_into IS NULL
)
SELECT format('merge %s was undone, and identifier %s is still with customer %s', g.merge_id, i.identifier_id, i.customer_id) AS finding
FROM customer_merges g
JOIN final s ON s.began = g.source_id
JOIN final t ON t.began = g.target_id AND t.customer_id <> s.customer_id
JOIN customer_identifiers i ON i.identifier_id = ANY (g.identifier_ids) AND i.customer_id = t.customer_id
WHERE g.undone_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM customer_merges h
    WHERE h.undone_at IS NULL AND h.created_at > g.created_at AND i.identifier_id = ANY (h.identifier_ids))
UNION ALL
SELECT format('merge %s stands, and customer %s is not merged', g.merge_id, g.source_id)
FROM customer_merges g JOIN customers u ON u.customer_id = g.source_id
WHERE g.undone_at IS NULL AND u.merged_into IS DISTINCT FROM g.target_id
UNION ALL
SELECT format('customer %s is merged, and no merge that stands says so', u.customer_id)
FROM customers u
WHERE u.merged_into IS NOT NULL AND NOT EXISTS (
    SELECT FROM customer_merges g WHERE g.source_id = u.customer_id AND g.target_id = u.merged_into AND g.undone_at IS NULL)

-- name: find_wrong_identifier
-- A proved address is two customers', or another spelling of it belongs to somebody else.
SELECT format('%s identifiers of %s customers are proved to be one address', count(*), count(DISTINCT customer_id)) AS finding
FROM customer_identifiers WHERE verified_at IS NOT NULL
GROUP BY kind, key HAVING count(DISTINCT customer_id) > 1 OR count(*) FILTER (WHERE alias_of IS NULL) <> 1
UNION ALL
SELECT format('identifier %s is no other spelling of identifier %s', i.identifier_id, f.identifier_id)
FROM customer_identifiers i JOIN customer_identifiers f ON f.identifier_id = i.alias_of
WHERE f.alias_of IS NOT NULL OR f.verified_at IS NULL OR (f.kind, f.key, f.customer_id) <> (i.kind, i.key, i.customer_id)

-- name: settled_queued
-- A message has no outcome although everything is done.
SELECT format('message %s of conversation %s has no outcome', m.message_id, m.conversation_id) AS finding
FROM messages m WHERE m.direction = 'inbound' AND m.outcome_id IS NULL

-- name: settled_undelivered
-- Something is still to be sent although everything is done.
SELECT format('outbox row %s of conversation %s is still %s', b.outbox_id, b.conversation_id, b.state) AS finding
FROM outbox b WHERE b.state IN ('pending', 'sending', 'unknown')

-- name: settled_leftover_work
-- A work row is due or leased although everything is done.
SELECT format('the work row of customer %s is %s', w.customer_id, CASE WHEN w.lease_until IS NULL THEN 'due' ELSE 'leased' END) AS finding
FROM work w WHERE w.lease_until IS NOT NULL OR (w.due_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM messages m WHERE m.customer_id = w.customer_id AND m.direction = 'inbound' AND m.outcome_id IS NULL))

-- name: count_stored
-- How much there is of what the audit looked at.
SELECT 'inbound' AS what, count(*) AS number FROM messages WHERE direction = 'inbound'
UNION ALL SELECT 'queued', count(*) FROM messages WHERE direction = 'inbound' AND outcome_id IS NULL
UNION ALL SELECT 'conversations', count(*) FROM conversations
UNION ALL SELECT 'customers', count(*) FROM customers
UNION ALL SELECT 'escalations', count(*) FROM escalations
UNION ALL SELECT 'merges', count(*) FROM customer_merges
UNION ALL SELECT 'resolutions', count(*) FROM resolutions
UNION ALL SELECT 'reminders', coalesce(sum(reminders), 0) FROM escalations
UNION ALL SELECT 'outcome ' || kind, count(*) FROM outcomes GROUP BY kind
UNION ALL SELECT 'outbox ' || state, count(*) FROM outbox GROUP BY state
