-- name: cancel_superseded
-- Ends what must no longer be sent: a person took over, or the identity opted out, after it was written. The one
-- confirmation of an opt-out goes out. A copy shares the fate of its message.
WITH stale AS (
    SELECT o.outbox_id FROM outbox o
    JOIN conversations c ON c.conversation_id = o.conversation_id
    JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
    WHERE o.state = 'pending' AND NOT o.is_consent
      AND ((o.author = 'fte' AND o.kind = 'message' AND o.owner_epoch <> c.owner_epoch) OR i.opted_out_at IS NOT NULL
           OR (SELECT x.state FROM outbox x WHERE x.outbox_id = o.copy_of) IN ('cancelled', 'failed'))
    FOR UPDATE OF o SKIP LOCKED
)
UPDATE outbox o SET state = 'cancelled', finished_at = clock_timestamp(), error = 'superseded'
FROM stale WHERE o.outbox_id = stale.outbox_id

-- name: expire_sending
-- A lease that ran out leaves a send of which nobody knows whether it arrived. A row that its courier ends just
-- now is left to it, so that nobody waits for anybody.
WITH expired AS (
    SELECT outbox_id FROM outbox WHERE state = 'sending' AND lease_until <= clock_timestamp() FOR UPDATE SKIP LOCKED
)
UPDATE outbox o SET state = 'unknown', due_at = clock_timestamp(), lease_until = NULL
FROM expired WHERE o.outbox_id = expired.outbox_id

-- name: claim_outbox
-- Leases what is due, in order within each conversation: nothing overtakes an open row before it. Mail beside a
-- conversation is in an order of its own, and a copy leaves when its message has.
-- $1 integer: at most so many
-- $2 interval: the lease
-- $3 interval: the lease of a look-up
-- $4 text[]: only what leaves by these channels; null for all
WITH due AS (
    SELECT o.outbox_id, o.state AS was FROM outbox o
    JOIN conversations c ON c.conversation_id = o.conversation_id
    JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
    WHERE o.state IN ('pending', 'unknown') AND o.due_at <= clock_timestamp()
      AND ($4::text[] IS NULL OR CASE o.kind WHEN 'message' THEN c.channel ELSE 'email' END = ANY ($4))
      AND (o.state = 'unknown' OR o.is_consent
           OR (i.opted_out_at IS NULL
               AND (o.author = 'person' OR o.kind <> 'message' OR o.owner_epoch = c.owner_epoch)))
      AND (o.kind <> 'copy' OR EXISTS (SELECT FROM outbox x WHERE x.outbox_id = o.copy_of AND x.state = 'sent'))
      AND NOT EXISTS (
          SELECT FROM outbox e
          WHERE e.conversation_id = o.conversation_id AND e.position < o.position
            AND e.state IN ('pending', 'sending', 'unknown') AND (e.kind = 'message') = (o.kind = 'message')
      )
    ORDER BY o.due_at
    LIMIT $1
    FOR UPDATE OF o SKIP LOCKED
), leased AS (
    UPDATE outbox o SET
        state = CASE WHEN due.was = 'pending' THEN 'sending' ELSE 'unknown' END,
        lease = o.lease + 1,
        lease_until = CASE WHEN due.was = 'pending' THEN clock_timestamp() + $2 END,
        due_at = CASE WHEN due.was = 'pending' THEN o.due_at ELSE clock_timestamp() + $3 END,
        began_at = coalesce(o.began_at, clock_timestamp()),
        attempts = o.attempts + (due.was = 'pending')::integer
    FROM due WHERE o.outbox_id = due.outbox_id
    RETURNING o.*, due.was
)
SELECT l.outbox_id, l.conversation_id, l.send_token, l.attempts, l.lease, l.was = 'unknown' AS was_unknown, l.provider_draft, l.author,
       l.parts, l.parts_sent, l.began_at, p.provider_message_id AS reported_id,
       extract(epoch FROM clock_timestamp() - (
           SELECT max(x.last_message_at) FROM conversations x WHERE x.channel = c.channel AND x.thread_key = c.thread_key
       ))::double precision AS since_inbound_s,
       l.kind,
       CASE WHEN l.remembered_by IS NULL THEN l.confirmation_id ELSE (
           SELECT a.confirmation_id FROM confirmations a WHERE a.identifier_id = c.identifier_id AND a.state = 'asked'
       ) END AS confirmation_id,
       CASE WHEN l.kind = 'confirmation' OR l.remembered_by IS NOT NULL THEN l.created_at END AS asked_at,
       CASE l.kind WHEN 'message' THEN c.channel ELSE 'email' END AS channel,
       c.thread_key, i.kind AS identifier_kind, i.value AS identifier_value, i.verified_at,
       CASE l.kind WHEN 'confirmation' THEN '' ELSE u.name END AS customer_name, t.ticket_id,
       CASE l.kind WHEN 'confirmation' THEN '' ELSE t.subject END AS subject, coalesce(m.body, '') AS body
FROM leased l
JOIN conversations c ON c.conversation_id = l.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
JOIN customers u ON u.customer_id = c.customer_id
JOIN tickets t ON t.conversation_id = c.conversation_id
LEFT JOIN outbox x ON x.outbox_id = l.copy_of
LEFT JOIN messages m ON m.message_id = coalesce(l.message_id, x.message_id)
LEFT JOIN outbox_parts p ON p.outbox_id = l.outbox_id AND p.part = l.parts_sent
ORDER BY l.position

-- name: reserve_slots
-- Takes places in a provider's rate for leased rows, and says for how many seconds each is to wait.
-- $1 uuid[]: outbox rows
-- $2 text: the sender
-- $3 interval: between two sends of the sender
-- $4 integer: how many of the sender may leave at once
-- $5 interval: between two sends to one recipient
-- $6 integer: how many to one recipient may leave at once
SELECT outbox_id, wait_s FROM reserve_slots($1, $2, $3, $4, $5, $6)

-- name: record_deferred
-- Gives back what has to wait for its place in the rate; nothing was tried.
-- $1 uuid: outbox row
-- $2 bigint: lease
UPDATE outbox SET state = 'pending', lease_until = NULL, due_at = slot_at, attempts = attempts - 1
WHERE outbox_id = $1 AND lease = $2 AND state = 'sending'

-- name: remember_parts
-- Keeps how a text is divided before the first part is sent; no row when the lease is another's.
-- $1 uuid: outbox row
-- $2 bigint: lease
-- $3 text[]: the parts in order
UPDATE outbox SET parts = $3
WHERE outbox_id = $1 AND lease = $2 AND state = 'sending' AND parts IS NULL
RETURNING outbox_id

-- name: record_part_sent
-- Ends a part that arrived and makes the next one due, unless the provider has reported meanwhile that it failed.
-- $1 uuid: outbox row
-- $2 bigint: lease
-- $3 text: the part's id at the provider
-- $4 interval: how long the next part waits for a report that this one is on its way
-- $5 smallint: rank of that report
WITH kept AS (
    INSERT INTO outbox_parts (outbox_id, part, provider_message_id)
    SELECT outbox_id, parts_sent, $3 FROM outbox
    WHERE outbox_id = $1 AND lease = $2 AND state IN ('sending', 'unknown')
    ON CONFLICT DO NOTHING
)
UPDATE outbox o SET
    state = coalesce(o.refused_as, 'pending'),
    finished_at = CASE WHEN o.refused_as IS NOT NULL THEN clock_timestamp() END,
    parts_sent = o.parts_sent + 1, lease_until = NULL, attempts = 0, lookups = 0,
    began_at = NULL, slot_at = NULL, provider_draft = NULL,
    due_at = clock_timestamp() + CASE WHEN EXISTS (
        SELECT FROM outbox_parts p WHERE p.outbox_id = $1 AND p.part = o.parts_sent AND p.status_rank >= $5
    ) THEN interval '0' ELSE $4 END
WHERE o.outbox_id = $1 AND o.lease = $2 AND o.state IN ('sending', 'unknown')
RETURNING o.outbox_id

-- name: find_part
-- Which part has an id at the provider.
-- $1 text: id
SELECT outbox_id, part FROM outbox_parts WHERE provider_message_id = $1 LIMIT 1

-- name: fetch_known_ids
-- Which ids at the provider are known here, as a part's or from a report.
-- $1 text[]: ids
SELECT provider_message_id FROM outbox_parts WHERE provider_message_id = ANY ($1)
UNION
SELECT provider_message_id FROM delivery_events WHERE provider_message_id = ANY ($1)

-- name: record_delivery_event
-- Takes a report of the provider on a part.
-- $1 uuid: outbox row
-- $2 smallint: part
-- $3 text: id at the provider
-- $4 text: status
-- $5 smallint: its rank
-- $6 smallint: rank from which on the part is on its way
-- $7 integer: error code or null
-- $8 text: 'failed' or 'opted_out' when it was not delivered, else null
-- $9 text: summary for a person
SELECT record_delivery_event($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: record_opted_out
-- Ends a send to somebody of whom the provider says that they opted out.
-- $1 uuid: outbox row
-- $2 bigint: lease
SELECT record_opted_out($1, $2)

-- name: record_sent
-- Ends a send that arrived and measures it. Written only while the lease is still this one. What the provider has
-- already reported as not delivered ends so.
-- $1 uuid[]: outbox rows
-- $2 bigint[]: their leases
-- $3 text[]: their ids at the provider
-- $4 boolean[]: whether the provider reports on them later
WITH done AS (
    UPDATE outbox o SET
        state = coalesce(o.refused_as, 'sent'), error = CASE WHEN o.refused_as IS NOT NULL THEN o.error END,
        provider_message_id = s.provider_id, finished_at = clock_timestamp(), lease_until = NULL,
        parts_sent = o.parts_sent + 1
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::boolean[]) AS s (outbox_id, lease, provider_id, reported_on)
    WHERE o.outbox_id = s.outbox_id AND o.lease = s.lease AND o.state IN ('sending', 'unknown')
    RETURNING o.outbox_id, o.conversation_id, o.outcome_id, o.created_at, o.finished_at, o.parts_sent, o.kind, s.reported_on
), kept AS (
    INSERT INTO outbox_parts (outbox_id, part, provider_message_id)
    SELECT d.outbox_id, d.parts_sent - 1, s.provider_id FROM done d
    JOIN unnest($1::uuid[], $3::text[]) AS s (outbox_id, provider_id) ON s.outbox_id = d.outbox_id
    WHERE d.reported_on
    ON CONFLICT DO NOTHING
), measured AS (
    INSERT INTO agent_metrics (kind, channel, conversation_id, total_ms, end_to_end_ms)
    SELECT 'deliver', c.channel, d.conversation_id, extract(epoch FROM d.finished_at - d.created_at) * 1000,
           extract(epoch FROM d.finished_at - (
               SELECT min(m.created_at) FROM messages m WHERE m.outcome_id = d.outcome_id)) * 1000
    FROM done d JOIN conversations c ON c.conversation_id = d.conversation_id
    WHERE d.kind = 'message'
)
SELECT outbox_id FROM done

-- name: remember_draft
-- Keeps a draft at the provider before it is sent; no row when the lease is another's.
-- $1 uuid: outbox row
-- $2 bigint: lease
-- $3 text: the draft's id at the provider
UPDATE outbox SET provider_draft = $3
WHERE outbox_id = $1 AND lease = $2 AND state = 'sending'
RETURNING outbox_id

-- name: record_retry
-- A send that certainly did not arrive is due again later.
-- $1 uuid: outbox row
-- $2 bigint: lease
-- $3 double precision: first pause in seconds
-- $4 double precision: longest pause in seconds
-- $5 text: what went wrong
-- $6 double precision: what the provider asks to wait at least, in seconds
UPDATE outbox SET state = 'pending', lease_until = NULL, error = $5, slot_at = NULL,
    due_at = clock_timestamp() + make_interval(secs => (1 + random() / 2) * greatest($6::double precision,
        0.75 * least($4::double precision, $3::double precision * power(2, least(attempts - 1, 20)))))
WHERE outbox_id = $1 AND lease = $2 AND state = 'sending'

-- name: record_unknown
-- A send that may have arrived is looked up at the provider before anything else.
-- $1 uuid: outbox row
-- $2 bigint: lease
-- $3 interval: pause before the look-up
-- $4 text: what went wrong
UPDATE outbox SET state = 'unknown', lease_until = NULL, error = $4, due_at = clock_timestamp() + $3
WHERE outbox_id = $1 AND lease = $2 AND state = 'sending'

-- name: record_not_found
-- A look-up found nothing; after the second one, spaced, the row is sent again. Returns no row when nothing
-- changed: the lease is another's, or the budget is spent.
-- $1 uuid: outbox row
-- $2 bigint: lease
-- $3 interval: pause before the second look-up
-- $4 integer: sends at most
UPDATE outbox SET
    state = CASE WHEN lookups >= 1 THEN 'pending' ELSE 'unknown' END,
    lookups = CASE WHEN lookups >= 1 THEN 0 ELSE lookups + 1 END,
    due_at = clock_timestamp() + CASE WHEN lookups >= 1 THEN interval '0' ELSE $3 END,
    vain_lookups = vain_lookups + 1, vain_at = clock_timestamp()
WHERE outbox_id = $1 AND lease = $2 AND state = 'unknown' AND (lookups = 0 OR attempts < $4)
RETURNING outbox_id

-- name: lock_newest_conversation
-- Locks the newest conversation of a conversation's thread, where a person reads on: an old one must not come
-- back to life beside it.
-- $1 uuid: conversation
SELECT n.conversation_id FROM conversations n
JOIN conversations c ON c.conversation_id = $1 AND n.channel = c.channel AND n.thread_key = c.thread_key
ORDER BY n.created_at DESC LIMIT 1
FOR UPDATE OF n

-- name: record_failed
-- Ends a send for good.
-- $1 uuid: outbox row
-- $2 bigint: lease
-- $3 text: why
UPDATE outbox SET state = 'failed', lease_until = NULL, finished_at = clock_timestamp(), error = $3
WHERE outbox_id = $1 AND lease = $2 AND state IN ('sending', 'unknown')
RETURNING outcome_id, kind, (SELECT channel FROM conversations c WHERE c.conversation_id = outbox.conversation_id) AS channel

-- name: escalate_undeliverable
-- Hands a conversation whose reply could not be delivered to a person.
-- $1 uuid: conversation
-- $2 uuid: outcome, or null for a person's reply
-- $3 text: summary
SELECT escalate_undeliverable($1, $2, $3)

-- name: fetch_next_send
-- Seconds until the courier has something to do, null when nothing is open. What waits for an earlier row of its
-- conversation, or for the message that it is a copy of, does not count: it becomes claimable when that row ends.
-- $1 text[]: only what leaves by these channels; null for all
SELECT extract(epoch FROM min(CASE WHEN o.state = 'sending' THEN o.lease_until ELSE o.due_at END) - clock_timestamp())::double precision
FROM outbox o
WHERE o.state IN ('pending', 'sending', 'unknown')
  AND ($1::text[] IS NULL OR CASE o.kind WHEN 'message' THEN (
      SELECT c.channel FROM conversations c WHERE c.conversation_id = o.conversation_id
  ) ELSE 'email' END = ANY ($1))
  AND NOT EXISTS (
    SELECT FROM outbox e
    WHERE e.conversation_id = o.conversation_id AND e.position < o.position
      AND e.state IN ('pending', 'sending', 'unknown')
      AND ((e.kind = 'message') = (o.kind = 'message') OR e.outbox_id = o.copy_of)
)
