-- name: raise_again
-- Raises escalations again that nobody took in time, and appends the events: each once, however many ask at once, and
-- whatever somebody is at work on is left to the next round.
-- $1 text: channel
-- $2 text[]: severities
-- $3 timestamptz[]: by severity, raised last (or first) until then is late
-- $4 integer: an escalation is raised again at most so often
-- $5 integer: at most so many
WITH late AS (
    SELECT e.escalation_id
    FROM escalations e
    JOIN conversations c ON c.conversation_id = e.conversation_id AND c.channel = $1
    JOIN unnest($2::text[], $3::timestamptz[]) AS due (severity, until) ON due.severity = e.severity
    WHERE e.status = 'open' AND e.reminders < $4 AND coalesce(e.raised_again_at, e.created_at) <= due.until
    ORDER BY e.severity, e.created_at
    LIMIT $5
    FOR UPDATE OF e SKIP LOCKED
), raised AS (
    UPDATE escalations e SET reminders = e.reminders + 1, raised_again_at = clock_timestamp()
    FROM late WHERE e.escalation_id = late.escalation_id
    RETURNING e.escalation_id, e.conversation_id, e.team, e.severity, e.reminders
)
INSERT INTO events (topic, key, payload)
SELECT 'fte.escalations', conversation_id::text,
       jsonb_build_object('conversation_id', conversation_id, 'escalation_id', escalation_id, 'action', 'raised_again',
                          'team', team, 'severity', severity, 'reminders', reminders)
FROM raised

-- name: fetch_quiet
-- Open conversations that have been quiet after our last word, the longest first. What waits for a turn or for its
-- delivery is not quiet.
-- $1 text: channel
-- $2 timestamptz: quiet since then
-- $3 integer: at most so many
SELECT c.conversation_id FROM conversations c
WHERE c.channel = $1 AND c.state = 'open' AND c.answered_at <= $2
  AND NOT EXISTS (
      SELECT FROM messages m
      WHERE m.conversation_id = c.conversation_id AND m.direction = 'inbound' AND m.outcome_id IS NULL)
  AND NOT EXISTS (
      SELECT FROM outbox o
      WHERE o.conversation_id = c.conversation_id AND o.state IN ('pending', 'sending', 'unknown'))
ORDER BY c.answered_at
LIMIT $3

-- name: close_quiet
-- Ends a quiet conversation, or hands it to a person; returns 'resolved', 'escalated', 'busy' or 'not_quiet'.
-- $1 uuid: conversation
-- $2 timestamptz: quiet since then
-- $3 double precision: a sentiment below this is an upset one
SELECT close_quiet($1, $2, $3)
