-- name: claim_sync
-- Leases a source that was not read lately and that nobody reads now; a new one is known from now on. Returns until
-- when everything of it is known.
-- $1 text: source
-- $2 interval: between two reads
-- $3 interval: the lease
INSERT INTO channel_syncs AS s (source, synced_until, lease_until)
VALUES ($1, clock_timestamp(), clock_timestamp() + $3::interval)
ON CONFLICT (source) DO UPDATE SET lease_until = clock_timestamp() + $3::interval
    WHERE (s.lease_until IS NULL OR s.lease_until <= clock_timestamp()) AND s.synced_until <= clock_timestamp() - $2::interval
RETURNING synced_until

-- name: record_synced
-- Ends a read: everything until then is known.
-- $1 text: source
-- $2 timestamptz: until when
UPDATE channel_syncs SET synced_until = greatest(synced_until, $2), lease_until = NULL, last_error = '',
    last_error_at = NULL
WHERE source = $1

-- name: record_trouble
-- A read failed; the next one begins where this one did.
-- $1 text: source
-- $2 text: what went wrong
-- $3 interval: before the next try
UPDATE channel_syncs SET lease_until = clock_timestamp() + $3::interval, last_error = $2, last_error_at = clock_timestamp()
WHERE source = $1

-- name: fetch_now
-- The database's time, by which everything is dated.
SELECT clock_timestamp()

-- name: fetch_trouble
-- The latest trouble with a source; no row for one that was never read.
-- $1 text: source
SELECT last_error, last_error_at FROM channel_syncs WHERE source = $1
