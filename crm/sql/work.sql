-- name: fetch_due
-- Customers whose work is due and held by nobody, oldest first, but for those that the caller has in hand.
-- $1 uuid[]: in hand
-- $2 integer: at most so many
-- now() is the time of this statement, and unlike clock_timestamp() it bounds the index scan: rows that fall due
-- later are not read.
SELECT customer_id FROM work
WHERE due_at <= now() AND (lease_until IS NULL OR lease_until <= now())
  AND customer_id <> ALL ($1)
ORDER BY due_at
LIMIT $2

-- name: fetch_next_wake_up
-- Seconds until it is worth looking again, null when nothing is queued: the first end of a lease on due work, or the
-- first due time to come, leased or not; quarantined work has none. Asked when all due work is in hand or leased, so the index scans are short.
-- $1 uuid[]: in hand
SELECT extract(epoch FROM least(
    (SELECT min(coalesce(lease_until, due_at)) FROM work WHERE due_at <= now() AND customer_id <> ALL ($1)),
    (SELECT min(due_at) FROM work WHERE due_at > now() AND due_at < 'infinity' AND customer_id <> ALL ($1))
) - now())::double precision

-- name: fetch_backlog
-- How much work is due, how long the oldest has waited, in seconds, and how much more is held by somebody.
SELECT count(*) FILTER (WHERE waits)::integer AS depth,
       coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE waits)), 0)::double precision AS oldest_s,
       count(*) FILTER (WHERE NOT waits)::integer AS in_hand
FROM (
    SELECT due_at, lease_until IS NULL OR lease_until <= now() AS waits FROM work WHERE due_at <= now()
) AS due

-- name: notify
-- Wakes the listeners of a channel.
-- $1 text: the channel
SELECT pg_notify($1, '')
