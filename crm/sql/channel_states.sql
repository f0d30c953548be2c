-- name: fetch_traffic
-- Of each channel: its latest inbound message, its latest delivery, and its latest delivery that failed or is being
-- tried again, among the latest of all; how many customers of WhatsApp wrote within a time.
-- $1 integer: how many rows are looked at
-- $2 interval: the time
WITH inbound AS (
    SELECT r.channel, max(r.created_at) AS at FROM (
        SELECT channel, direction, created_at FROM messages ORDER BY message_id DESC LIMIT $1
    ) r WHERE r.direction = 'inbound' GROUP BY r.channel
), handed AS (
    SELECT CASE WHEN o.kind = 'message' THEN c.channel ELSE 'email' END AS channel, o.state, o.finished_at, o.error, o.created_at
    FROM (SELECT * FROM outbox ORDER BY outbox_id DESC LIMIT $1) o
    JOIN conversations c ON c.conversation_id = o.conversation_id
), delivered AS (
    SELECT channel, max(finished_at) AS at FROM handed WHERE state = 'sent' GROUP BY channel
), failing AS (
    SELECT DISTINCT ON (channel) channel, error, coalesce(finished_at, created_at) AS at FROM handed
    WHERE error <> '' AND state IN ('failed', 'pending', 'unknown') ORDER BY channel, coalesce(finished_at, created_at) DESC
)
SELECT g.channel, i.at AS last_inbound_at, d.at AS last_outbound_at,
       CASE WHEN f.at > coalesce(d.at, '-infinity') THEN f.error ELSE '' END AS last_error,
       CASE WHEN f.at > coalesce(d.at, '-infinity') THEN f.at END AS last_error_at,
       CASE g.channel WHEN 'whatsapp' THEN (
           SELECT count(DISTINCT c.identifier_id)::integer FROM conversations c
           WHERE c.channel = 'whatsapp' AND c.last_message_at > now() - $2::interval
       ) END AS within
FROM channel_configs g
LEFT JOIN inbound i ON i.channel = g.channel
LEFT JOIN delivered d ON d.channel = g.channel
LEFT JOIN failing f ON f.channel = g.channel
ORDER BY g.channel

-- name: fetch_alarms
-- What an operator must see to in the channels now. A watch is renewed every day and ends after seven. What fails is
-- tried again, and each try is the latest error: it began when somebody was told of it, where that is before.
-- $1 text: the mailbox that is read
-- $2 boolean: whether its provider is to tell of new mail
-- $3 interval: how old the last renewal of the watch may be
-- $4 integer: syncs in a row that found mail without a push
-- $5 interval: how far back searches for sends count
-- $6 integer: searches in vain within it
SELECT 'email' AS channel, a.alarm, least(a.since, n.raised_at) AS since, b.error, b.watch_error, b.watch_expires_at,
       coalesce(b.watch_expires_at <= now(), true) AS watch_ended, b.unpushed AS count
FROM mailboxes b CROSS JOIN LATERAL (
    SELECT 'needs_reauth' AS alarm, b.error_at AS since WHERE b.mode = 'needs_reauth'
    UNION ALL
    SELECT 'watch_refused', b.error_at WHERE $2 AND b.mode = 'live' AND b.watch_error <> ''
    UNION ALL
    SELECT 'watch_not_renewed', coalesce(b.watched_at, b.connected_at) + $3
    WHERE $2 AND b.mode = 'live' AND b.watch_error = '' AND coalesce(b.watched_at, b.connected_at) < now() - $3::interval
    UNION ALL
    SELECT 'pushes_missing', b.unpushed_since WHERE $2 AND b.mode = 'live' AND b.unpushed >= $4
) a
LEFT JOIN channel_alarms n ON n.channel = 'email' AND n.alarm = a.alarm
WHERE b.mailbox = $1
UNION ALL
SELECT s.channel, 'sends_not_found', s.since, '', '', NULL, false, s.count
FROM (
    SELECT CASE o.kind WHEN 'message' THEN c.channel ELSE 'email' END AS channel, min(o.began_at) AS since,
           sum(o.vain_lookups)::integer AS count
    FROM outbox o JOIN conversations c ON c.conversation_id = o.conversation_id
    WHERE o.vain_at > now() - $5::interval
    GROUP BY 1
) s
WHERE s.count >= $6
ORDER BY channel, alarm

-- name: note_alarms
-- Keeps which alarms there are; returns those that began and those that ended since they were noted last, each to one
-- caller alone.
-- $1 text[]: channels
-- $2 text[]: alarms
WITH active AS (
    SELECT * FROM unnest($1::text[], $2::text[]) AS a (channel, alarm)
), began AS (
    INSERT INTO channel_alarms (channel, alarm) SELECT channel, alarm FROM active ON CONFLICT DO NOTHING
    RETURNING channel, alarm
), ended AS (
    DELETE FROM channel_alarms n
    WHERE NOT EXISTS (SELECT FROM active a WHERE a.channel = n.channel AND a.alarm = n.alarm)
    RETURNING n.channel, n.alarm
)
SELECT channel, alarm, true AS began FROM began UNION ALL SELECT channel, alarm, false FROM ended
