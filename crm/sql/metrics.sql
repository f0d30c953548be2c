-- name: record_acks
-- Stores how long requests took from their first byte to their commit. created_at is when this is written.
-- $1 text[]: channels
-- $2 real[]: milliseconds
INSERT INTO agent_metrics (kind, channel, total_ms)
SELECT 'accept', channel, total_ms FROM unnest($1::text[], $2::real[]) AS a (channel, total_ms)

-- name: fetch_queue
-- Inbound messages without an outcome, how long the oldest has waited in seconds, turns that run now, and messages
-- that wait for a person's word in quarantine.
SELECT count(*) FILTER (WHERE NOT held)::integer AS depth,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE NOT held)), 0)::double precision AS oldest_s,
       (SELECT count(*)::integer FROM work WHERE due_at IS NOT NULL AND lease_until > clock_timestamp()) AS turns_running,
       count(*) FILTER (WHERE held)::integer AS quarantined
FROM (
    SELECT m.created_at, coalesce(w.due_at = 'infinity', false) AS held
    FROM messages m LEFT JOIN work w ON w.customer_id = m.customer_id
    WHERE m.direction = 'inbound' AND m.outcome_id IS NULL
) AS queued

-- name: fetch_outbox_backlog
-- Replies that are not delivered yet by state, and how long the oldest has waited in seconds.
SELECT state, count(*)::integer AS count,
       extract(epoch FROM clock_timestamp() - min(created_at))::double precision AS oldest_s
FROM outbox
WHERE state IN ('pending', 'sending', 'unknown')
GROUP BY state

-- name: fetch_channels
-- The channels and whether each is enabled.
SELECT channel, enabled FROM channel_configs ORDER BY channel

-- name: fetch_embedding_models
-- The registered embedding models; one is active.
SELECT model_id, dimension, active FROM embedding_models ORDER BY created_at, model_id

-- name: fetch_knowledge_size
-- How much the knowledge base holds.
SELECT (SELECT count(*)::integer FROM knowledge_base) AS articles,
       (SELECT count(*)::integer FROM knowledge_chunks) AS chunks

-- name: fetch_channel_metrics
-- Per channel over the last while: volume, latencies in milliseconds, sentiment, how many needed a person.
-- $1 interval: how far back
WITH inbound AS (
    SELECT channel, count(*)::integer AS messages, count(DISTINCT conversation_id)::integer AS conversations,
           avg(sentiment)::double precision AS sentiment
    FROM messages
    WHERE message_id >= uuidv7(-$1::interval) AND direction = 'inbound' AND NOT synthetic
    GROUP BY channel
), replies AS (
    SELECT m.channel, count(*)::integer AS replies
    FROM messages m JOIN outbox o ON o.message_id = m.message_id AND o.state = 'sent'
    WHERE m.message_id >= uuidv7(-$1::interval) AND m.direction = 'outbound'
    GROUP BY m.channel
), escalated AS (
    SELECT c.channel, count(DISTINCT e.conversation_id)::integer AS conversations
    FROM escalations e JOIN conversations c ON c.conversation_id = e.conversation_id
    WHERE e.escalation_id >= uuidv7(-$1::interval)
    GROUP BY c.channel
), ended AS (
    SELECT c.channel,
           count(*) FILTER (WHERE r.reopened_at IS NULL AND r.kind = 'confirmed')::integer AS confirmed,
           count(*) FILTER (WHERE r.reopened_at IS NULL AND r.kind = 'assumed')::integer AS assumed,
           count(*) FILTER (WHERE r.reopened_at IS NOT NULL)::integer AS reopened,
           count(*) FILTER (WHERE r.solved)::integer AS solved,
           count(*) FILTER (WHERE NOT r.solved)::integer AS unsolved
    FROM resolutions r JOIN conversations c ON c.conversation_id = r.conversation_id
    WHERE r.resolution_id >= uuidv7(-$1::interval)
    GROUP BY c.channel
), latency AS (
    SELECT channel,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY total_ms) FILTER (WHERE kind = 'accept') AS ack,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY total_ms) FILTER (WHERE kind = 'turn') AS turn,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY end_to_end_ms)
               FILTER (WHERE kind = 'deliver' AND end_to_end_ms IS NOT NULL) AS end_to_end
    FROM agent_metrics
    WHERE created_at >= now() - $1::interval
    GROUP BY channel
)
SELECT g.channel, coalesce(i.messages, 0) AS messages, coalesce(i.conversations, 0) AS conversations,
       coalesce(r.replies, 0) AS replies, coalesce(e.conversations, 0) AS escalated, i.sentiment,
       coalesce(d.confirmed, 0) AS confirmed, coalesce(d.assumed, 0) AS assumed, coalesce(d.reopened, 0) AS reopened,
       coalesce(d.solved, 0) AS solved, coalesce(d.unsolved, 0) AS unsolved, l.ack, l.turn, l.end_to_end
FROM channel_configs g
LEFT JOIN ended d ON d.channel = g.channel
LEFT JOIN inbound i ON i.channel = g.channel
LEFT JOIN replies r ON r.channel = g.channel
LEFT JOIN escalated e ON e.channel = g.channel
LEFT JOIN latency l ON l.channel = g.channel
ORDER BY g.channel

-- name: fetch_activity
-- Turns of the last minute, and over a while p50 and p95 in milliseconds of turns and from the first message of a
-- burst to its delivered reply.
-- $1 interval: how far back, at least a minute
SELECT count(*) FILTER (WHERE kind = 'turn' AND created_at >= now() - interval '1 minute')::integer AS turns_last_minute,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY total_ms) FILTER (WHERE kind = 'turn') AS turn,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY end_to_end_ms)
           FILTER (WHERE kind = 'deliver' AND end_to_end_ms IS NOT NULL) AS end_to_end
FROM agent_metrics
WHERE created_at >= now() - $1::interval

-- name: fetch_live_escalations
-- Escalations that nobody has taken and those that somebody has, and how long the oldest untaken one has waited in
-- seconds.
SELECT count(*) FILTER (WHERE status = 'open')::integer AS open,
       count(*) FILTER (WHERE status = 'taken')::integer AS taken,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE status = 'open')), 0)::double precision
           AS oldest_open_s
FROM escalations
WHERE status IN ('open', 'taken')

-- name: fetch_horizon
-- Up to where rows are final: none that old can still be committed, and no reply before the first undelivered
-- one can still change its state.
-- $1 interval: longer than any transaction takes
-- $2 interval: for so long the end of a conversation may be confirmed or reopened
SELECT uuidv7(-$1::interval) AS horizon_id, now() - $1::interval AS horizon_at,
       uuidv7(-($1::interval + $2::interval)) AS horizon_resolution,
       least(uuidv7(-$1::interval), (
           SELECT outbox_id FROM outbox WHERE state IN ('pending', 'sending', 'unknown') ORDER BY outbox_id LIMIT 1
       )) AS horizon_outbox

-- name: count_messages
-- Messages by channel and direction, the final ones apart.
-- $1 uuid: from this id on
-- $2 uuid: before this id they are final
SELECT message_id < $2 AS final, channel, direction, count(*) AS count FROM messages
WHERE message_id >= $1 GROUP BY 1, 2, 3

-- name: count_outcomes
-- Outcomes by channel, kind and reason, the final ones apart.
-- $1 uuid: from this id on
-- $2 uuid: before this id they are final
SELECT x.outcome_id < $2 AS final, c.channel, x.kind, x.reason, count(*) AS count
FROM outcomes x JOIN conversations c ON c.conversation_id = x.conversation_id
WHERE x.outcome_id >= $1 GROUP BY 1, 2, 3, 4

-- name: count_outbox
-- Replies by outbox state, the final ones apart.
-- $1 uuid: from this id on
-- $2 uuid: before this id they are final
SELECT outbox_id < $2 AS final, state, count(*) AS count FROM outbox
WHERE outbox_id >= $1 GROUP BY 1, 2

-- name: count_escalations
-- Escalations by team and status, and how often they were raised again.
SELECT team, status, count(*) AS count, sum(reminders) AS reminders FROM escalations GROUP BY team, status

-- name: count_resolutions
-- Ends of conversations by channel, by how sure they are, and by the answer to the survey, the final ones apart.
-- $1 uuid: from this id on
-- $2 uuid: before this id they are final
SELECT r.resolution_id < $2 AS final, c.channel, r.solved,
       CASE WHEN r.reopened_at IS NOT NULL THEN 'reopened' ELSE r.kind END AS kind, count(*) AS count
FROM resolutions r JOIN conversations c ON c.conversation_id = r.conversation_id
WHERE r.resolution_id >= $1 GROUP BY 1, 2, 3, 4

-- name: count_model_use
-- What turns took of the language model, by model, by why they went on without it and by whether its answer was unusable,
-- the final ones apart.
-- $1 timestamptz: from then on
-- $2 timestamptz: before then they are final
SELECT created_at < $2 AS final, model, fallback, fallback IS NULL AND coalesce(problem, '') <> '' AS unusable,
       count(*) AS turns, coalesce(sum(model_calls), 0)::bigint AS calls,
       coalesce(sum(input_tokens), 0)::bigint AS input_tokens, coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
       coalesce(sum(cost_micros), 0)::bigint AS cost_micros
FROM agent_metrics
WHERE created_at >= $1 AND kind = 'model'
GROUP BY 1, 2, 3, 4

-- name: count_latencies
-- Measured times by kind, channel and bucket, the final ones apart.
-- $1 timestamptz: from then on
-- $2 timestamptz: before then they are final
-- $3 real[]: upper bounds of the buckets in milliseconds
SELECT g.created_at < $2 AS final, g.kind, measure.name, g.channel,
       width_bucket(measure.ms, $3::real[]) AS bucket, count(*) AS count, sum(measure.ms)::double precision AS sum_ms
FROM agent_metrics g
CROSS JOIN LATERAL (VALUES ('total', g.total_ms), ('end_to_end', g.end_to_end_ms)) AS measure (name, ms)
WHERE g.created_at >= $1 AND measure.ms IS NOT NULL
GROUP BY 1, 2, 3, 4, 5

-- name: count_stages
-- Time spent in each stage of the turns, the final ones apart.
-- $1 timestamptz: from then on
-- $2 timestamptz: before then they are final
SELECT g.created_at < $2 AS final, stage.key AS stage, count(*) AS count,
       sum(stage.value::double precision) AS sum_ms
FROM agent_metrics g
CROSS JOIN LATERAL jsonb_each(g.stages) AS stage
WHERE g.created_at >= $1 AND g.kind = 'turn' AND jsonb_typeof(stage.value) = 'number'
GROUP BY 1, 2
