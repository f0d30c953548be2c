-- name: fetch_escalations
-- The desk's list: live escalations, of too many those with urgent tickets, then the gravest and oldest; then closed
-- ones, the latest first. Somebody waits since the first message that the FTE did not answer and
-- that came after the last thing that a person did about it, or since a reply failed that nobody has made good.
-- $1 text: team or null for all
-- $2 text[]: statuses or null for all
-- $3 integer: at most so many
WITH listed AS (
    (SELECT l.* FROM escalations l JOIN tickets o ON o.conversation_id = l.conversation_id
     WHERE l.status IN ('open', 'taken') AND ($2::text[] IS NULL OR l.status = ANY ($2))
       AND ($1::text IS NULL OR l.team = $1)
     ORDER BY (o.priority = 'urgent') DESC, l.severity, l.created_at LIMIT $3)
    UNION ALL
    -- Not even looked at where no closed ones are asked for.
    (SELECT * FROM escalations
     WHERE status IN ('handed_back', 'resolved') AND ($2::text[] IS NULL OR $2 && ARRAY['handed_back', 'resolved'])
       AND ($2::text[] IS NULL OR status = ANY ($2)) AND ($1::text IS NULL OR team = $1)
     ORDER BY closed_at DESC LIMIT $3)
)
SELECT e.escalation_id, e.conversation_id, t.ticket_id, c.channel, u.name AS customer_name, u.plan, t.subject, t.category,
       t.priority, e.reason_code, e.team, e.severity, e.summary, e.status, e.taken_by, e.created_at, e.taken_at,
       e.closed_at, e.reminders, e.raised_again_at, c.last_message_at, f.undelivered_at, f.undelivered,
       least(f.undelivered_at, (SELECT min(m.created_at) FROM messages m
        LEFT JOIN outcomes x ON x.outcome_id = m.outcome_id
        WHERE e.closed_at IS NULL AND m.conversation_id = e.conversation_id AND m.direction = 'inbound'
          AND (x.kind IS NULL OR x.kind IN ('escalation', 'held', 'dead_letter'))
          AND m.created_at > greatest(
              (SELECT max(p.created_at) FROM messages p
               WHERE p.conversation_id = e.conversation_id AND p.author = 'person'),
              (SELECT max(b.closed_at) FROM escalations b WHERE b.conversation_id = e.conversation_id),
              '-infinity'
          ))) AS waiting_since
FROM listed e
JOIN conversations c ON c.conversation_id = e.conversation_id
JOIN customers u ON u.customer_id = c.customer_id
JOIN tickets t ON t.conversation_id = e.conversation_id
LEFT JOIN LATERAL (
    SELECT o.finished_at AS undelivered_at, o.error AS undelivered FROM outbox o
    WHERE e.closed_at IS NULL AND o.conversation_id = e.conversation_id AND o.state = 'failed' AND o.kind <> 'confirmation'
      AND NOT EXISTS (
          SELECT FROM outbox l
          WHERE l.conversation_id = o.conversation_id AND l.position > o.position AND l.author = 'person' AND l.kind = 'message')
      AND NOT EXISTS (
          SELECT FROM escalations b WHERE b.conversation_id = o.conversation_id AND b.closed_at > o.finished_at)
    ORDER BY o.position DESC LIMIT 1
) f ON true
ORDER BY e.closed_at DESC NULLS FIRST, e.created_at
LIMIT $3

-- name: fetch_marks
-- For the conversations of the gravest live escalations, for those in quarantine, and for some more, a text that
-- changes whenever there is something new to see at the desk.
-- $1 uuid[]: some more conversations
-- $2 integer: at most so many live ones
WITH watched AS (
    (SELECT conversation_id FROM escalations WHERE status IN ('open', 'taken') ORDER BY severity, created_at LIMIT $2)
    UNION
    (SELECT conversation_id FROM quarantine WHERE ending IS NULL ORDER BY created_at LIMIT $2)
    UNION
    SELECT unnest($1::uuid[])
)
SELECT c.conversation_id,
       concat_ws(' ', c.state, c.owner_epoch, c.last_message_at, t.status, t.updated_at, e.status, e.taken_at, e.reminders,
                 s.outbound, s.sent, s.open,
                 (SELECT max(a.state) FROM confirmations a WHERE a.conversation_id = w.conversation_id),
                 (SELECT count(*) FROM outbox b
                  WHERE b.conversation_id = w.conversation_id AND b.kind <> 'message' AND b.finished_at IS NOT NULL),
                 (SELECT count(*) FROM attachments a WHERE a.conversation_id = w.conversation_id)) AS mark
FROM watched w
JOIN conversations c ON c.conversation_id = w.conversation_id
JOIN tickets t ON t.conversation_id = w.conversation_id
LEFT JOIN escalations e ON e.conversation_id = w.conversation_id AND e.status IN ('open', 'taken')
CROSS JOIN LATERAL (
    SELECT count(*) AS outbound, count(*) FILTER (WHERE o.state = 'sent') AS sent,
           count(*) FILTER (WHERE o.state IN ('held', 'pending', 'sending', 'unknown')) AS open
    FROM messages m LEFT JOIN outbox o ON o.message_id = m.message_id
    WHERE m.conversation_id = w.conversation_id AND m.direction = 'outbound'
) s
