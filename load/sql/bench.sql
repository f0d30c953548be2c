-- name: fetch_mark
-- The newest metrics row: what is measured afterwards has greater ids.
SELECT coalesce(max(metric_id), 0) FROM agent_metrics

-- name: fetch_delivered
-- How many replies were delivered after a mark.
-- $1 bigint: the mark
SELECT count(*) FROM agent_metrics WHERE metric_id > $1 AND kind = 'deliver'

-- name: fetch_metrics
-- All that was measured after a mark.
-- $1 bigint: the mark
SELECT kind, outcome_kind, reason, total_ms, end_to_end_ms, stages, model_calls FROM agent_metrics
WHERE metric_id > $1 ORDER BY metric_id

-- name: fetch_queued
-- Inbound messages without an outcome.
SELECT count(*) FROM messages WHERE direction = 'inbound' AND outcome_id IS NULL

-- name: fetch_inbound
-- Messages of customers, whatever became of them.
SELECT count(*) FROM messages WHERE direction = 'inbound'

-- name: fetch_unsettled
-- Inbound messages without an outcome, and replies that are not delivered.
SELECT (SELECT count(*) FROM messages WHERE direction = 'inbound' AND outcome_id IS NULL)
     + (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'unknown'))

-- name: hold_work
-- Makes new messages of a channel due only after a while, so that they queue up and no turn runs.
-- $1 text: channel
-- $2 integer: the quiet window in milliseconds, 0 for none
UPDATE channel_configs SET quiet_window_ms = $2, quiet_cap_ms = $2 WHERE channel = $1

-- name: release_work
-- Makes everything that is queued due now.
UPDATE work SET due_at = clock_timestamp() WHERE due_at > clock_timestamp()

-- name: release_oldest
-- Makes the oldest of what is held due now.
-- $1 integer: so many
UPDATE work SET due_at = now()
WHERE customer_id IN (SELECT customer_id FROM work WHERE due_at > now() ORDER BY due_at LIMIT $1)

-- name: fetch_threads
-- The thread of every ticket of the web form, which only the database knows.
SELECT t.ticket_id, c.thread_key FROM tickets t JOIN conversations c ON c.conversation_id = t.conversation_id
WHERE c.channel = 'web_form'
