-- name: claim_work
-- Leases the customer's due work under a new fence. A lease that had expired counts as a crash. It waits for a
-- short transaction on the row rather than skipping it: skipped, the wake-up would be spent for nothing.
-- $1 uuid: customer
-- $2 interval: the lease
UPDATE work w SET
    fence = w.fence + 1,
    lease_until = clock_timestamp() + $2,
    attempts_crash = w.attempts_crash + (w.lease_until IS NOT NULL)::integer
WHERE w.customer_id = $1 AND w.due_at <= clock_timestamp()
  AND (w.lease_until IS NULL OR w.lease_until <= clock_timestamp())
RETURNING w.fence, w.attempts_crash, clock_timestamp() AS claimed_at

-- name: renew_work
-- Extends the lease of a claim that still holds.
-- $1 uuid: customer
-- $2 bigint: fence
-- $3 interval: the lease
UPDATE work SET lease_until = clock_timestamp() + $3
WHERE customer_id = $1 AND fence = $2 AND lease_until IS NOT NULL

-- name: release_work
-- Gives the work back without counting a failure, due as it was, or not at all when nothing is queued.
-- $1 uuid: customer
-- $2 bigint: fence
SELECT release_work($1, $2)

-- name: fail_work
-- Gives the work back later and counts the failure under its cause; the pause doubles up to a cap, with jitter.
-- $1 uuid: customer
-- $2 bigint: fence
-- $3 text: cause: crash, dependency or message
-- $4 double precision: first pause in seconds
-- $5 double precision: longest pause in seconds
UPDATE work SET
    lease_until = NULL,
    attempts_crash = attempts_crash + ($3 = 'crash')::integer,
    attempts_dependency = attempts_dependency + ($3 = 'dependency')::integer,
    attempts_message = attempts_message + ($3 = 'message')::integer,
    due_at = clock_timestamp() + make_interval(secs => (0.75 + random() / 2) * least(
        $5::double precision,
        $4::double precision * power(2, least(attempts_crash + attempts_dependency + attempts_message, 20))
    ))
WHERE customer_id = $1 AND fence = $2 AND lease_until IS NOT NULL

-- name: fetch_failures
-- How often the claim's work failed by cause.
-- $1 uuid: customer
-- $2 bigint: fence
SELECT attempts_crash, attempts_dependency, attempts_message FROM work
WHERE customer_id = $1 AND fence = $2 AND lease_until IS NOT NULL

-- name: fetch_turn
-- The queued messages of a customer in order, each with all that its turn must know of its conversation.
-- $1 uuid: customer
-- $2 bigint: fence
SELECT m.message_id, m.conversation_id, m.body, m.created_at, m.seq, m.synthetic,
       w.burst_began_at,
       c.channel, c.state, c.owner_epoch, c.negative_streak, c.gap_streak, c.held_notice_at,
       i.kind AS identifier_kind, i.value AS identifier_value, i.verified_at, i.opted_out_at,
       u.name AS customer_name, u.plan,
       t.ticket_id, t.status AS ticket_status, t.category, t.priority, t.subject, t.created_at AS ticket_created_at,
       (SELECT e.note FROM escalations e
        WHERE e.conversation_id = m.conversation_id AND e.status = 'handed_back'
        ORDER BY e.closed_at DESC LIMIT 1) AS handed_back_note
FROM work w
JOIN messages m ON m.customer_id = w.customer_id AND m.direction = 'inbound' AND m.outcome_id IS NULL
JOIN conversations c ON c.conversation_id = m.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
JOIN customers u ON u.customer_id = w.customer_id
JOIN tickets t ON t.conversation_id = c.conversation_id
WHERE w.customer_id = $1 AND w.fence = $2 AND w.lease_until IS NOT NULL
ORDER BY m.seq
LIMIT 50

-- name: fetch_customer_history
-- The last answered or sent messages of a customer on every channel, newest first. Only for verified turns, and
-- without conversations of a claim: whoever wrote there may be somebody else.
-- $1 uuid: customer
-- $2 integer: at most so many
SELECT m.message_id, m.conversation_id, m.channel, m.direction, m.author, m.body, m.created_at, m.seq, m.sentiment
FROM messages m
JOIN conversations c ON c.conversation_id = m.conversation_id
JOIN customer_identifiers i ON i.identifier_id = c.identifier_id AND i.verified_at IS NOT NULL
LEFT JOIN outbox o ON o.message_id = m.message_id
WHERE m.customer_id = $1 AND NOT m.synthetic
  AND (m.outcome_id IS NOT NULL OR (o.outbox_id IS NOT NULL AND o.state NOT IN ('cancelled', 'failed')))
ORDER BY m.created_at DESC
LIMIT $2

-- name: fetch_conversation_history
-- The last answered or sent messages of one conversation, newest first.
-- $1 uuid: conversation
-- $2 integer: at most so many
SELECT m.message_id, m.conversation_id, m.channel, m.direction, m.author, m.body, m.created_at, m.seq, m.sentiment
FROM messages m
LEFT JOIN outbox o ON o.message_id = m.message_id
WHERE m.conversation_id = $1
  AND (m.outcome_id IS NOT NULL OR (o.outbox_id IS NOT NULL AND o.state NOT IN ('cancelled', 'failed')))
ORDER BY m.created_at DESC
LIMIT $2

-- name: commit_turn
-- Writes a whole turn, or nothing; returns 'committed', 'committed_more', 'newer_messages' or 'fence_lost'.
-- $1 uuid: customer
-- $2 bigint: fence
-- $3 uuid: conversation
-- $4 integer: the conversation's owner epoch when it was gathered
-- $5 uuid[]: the burst
-- $6 boolean: whether a newer message makes it write nothing
-- $7 text: outcome kind
-- $8 text: reason
-- $9 text: the reply, empty for none
-- $10 jsonb: trace
-- $11 real[]: sentiment by message of the burst, null where unscored
-- $12 integer: negative streak
-- $13 integer: gap streak
-- $14 boolean: whether the reply is the one notice that a person has the conversation
-- $15 text: category or null
-- $16 text: priority or null
-- $17 text: subject or null
-- $18 text: escalation reason code, null for none
-- $19 text: team
-- $20 text: severity
-- $21 text: summary
-- $22 text: token that names the send at the provider
-- $23 jsonb: stage times in milliseconds
-- $24 real: the turn's time in milliseconds
-- $25 smallint: model calls
-- $26 boolean: whether the reply ends the conversation, because the customer confirms that it is solved
-- $27 text: the configured language model, null for none; what the turn took of it counts whatever became of the turn
-- $28 smallint: its calls
-- $29 bigint: input tokens
-- $30 bigint: output tokens
-- $31 bigint: cost in millionths of the prices' currency
-- $32 real: its time in milliseconds
-- $33 text: why the turn went on without it, null when it did not
-- $34 text: the same in a sentence
-- $35 uuid: what the day's ceiling holds for the turn, null for nothing
WITH turn AS MATERIALIZED (
SELECT commit_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26) AS status
)
SELECT status, CASE WHEN $27::text IS NOT NULL
    THEN settle_model_use($35, $3, $27, $28, $29, $30, $31, $32, $33, $34) END
FROM turn
