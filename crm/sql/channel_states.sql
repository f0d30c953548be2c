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
