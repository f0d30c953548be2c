-- name: fetch_due
-- Customers whose work is due and held by nobody, oldest first, but for those that the caller has in hand.
-- $1 uuid[]: in hand
-- $2 integer: at most so many
SELECT customer_id FROM work
WHERE due_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until <= clock_timestamp())
  AND customer_id <> ALL ($1)
ORDER BY due_at
LIMIT $2

-- name: fetch_next_wake_up
-- Seconds until the next work falls due or its lease ends, null when nothing is queued.
-- $1 uuid[]: in hand
SELECT extract(epoch FROM min(greatest(due_at, coalesce(lease_until, due_at))) - clock_timestamp())::double precision
FROM work WHERE due_at IS NOT NULL AND customer_id <> ALL ($1)

-- name: fetch_backlog
-- How much work is due and how long the oldest has waited, in seconds.
SELECT count(*)::integer AS depth,
       coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)::double precision AS oldest_s
FROM work WHERE due_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until <= clock_timestamp())

-- name: notify
-- Wakes the listeners of a channel.
-- $1 text: the channel
SELECT pg_notify($1, '')
