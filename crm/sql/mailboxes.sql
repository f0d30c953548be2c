-- name: connect_mailbox
-- Makes the row of a mailbox that is read from now on, or says how it is read now. One that is connected anew, with
-- credentials that are good again, is due at once.
-- $1 text: mailbox
-- $2 text: live or offline
INSERT INTO mailboxes AS b (mailbox, mode) VALUES ($1, $2)
ON CONFLICT (mailbox) DO UPDATE SET mode = $2, due_at = clock_timestamp(), not_before = NULL, failures = 0
WHERE b.mode <> $2

-- name: record_hint
-- Marks a mailbox as due, soon after its last sync at the soonest; a hint that no sync has begun after is enough.
-- $1 text: mailbox
-- $2 interval: the least time between two syncs
UPDATE mailboxes SET
    hinted_at = clock_timestamp(),
    due_at = least(due_at, greatest(clock_timestamp(), synced_at + $2))
WHERE mailbox = $1 AND hinted_at IS NULL

-- name: claim_mailbox
-- Leases a mailbox that is due under a new fence; no row when it is not due or another holds it.
-- $1 text: mailbox
-- $2 interval: the lease
UPDATE mailboxes SET
    fence = fence + 1, lease_until = clock_timestamp() + $2, hinted_at = NULL, sync_hinted = hinted_at IS NOT NULL,
    pushed_at = coalesce(hinted_at, pushed_at),
    unpushed = CASE WHEN hinted_at IS NULL THEN unpushed ELSE 0 END,
    unpushed_since = CASE WHEN hinted_at IS NULL THEN unpushed_since END
WHERE mailbox = $1 AND due_at <= clock_timestamp()
  AND (not_before IS NULL OR not_before <= clock_timestamp())
  AND (lease_until IS NULL OR lease_until <= clock_timestamp())
RETURNING fence, cursor::text AS cursor, connected_at, synced_at, watched_at, clock_timestamp() AS claimed_at

-- name: renew_mailbox
-- Extends the lease of a sync that still holds it.
-- $1 text: mailbox
-- $2 bigint: fence
-- $3 interval: the lease
UPDATE mailboxes SET lease_until = clock_timestamp() + $3 WHERE mailbox = $1 AND fence = $2 AND lease_until IS NOT NULL
RETURNING fence

-- name: advance_cursor
-- Moves the cursor on, never back, once everything up to it is stored.
-- $1 text: mailbox
-- $2 bigint: fence
-- $3 text: history id
UPDATE mailboxes SET cursor = greatest(cursor, $3::text::numeric) WHERE mailbox = $1 AND fence = $2
RETURNING fence

-- name: finish_sync
-- Ends a sync: the mailbox is due again when a hint came meanwhile, and else after the pause.
-- $1 text: mailbox
-- $2 bigint: fence
-- $3 interval: the safety poll
-- $4 interval: the least time between two syncs
-- $5 boolean: whether it found mail that a push should have told of before
UPDATE mailboxes SET
    unpushed = unpushed + ($5 AND NOT sync_hinted AND hinted_at IS NULL)::integer,
    unpushed_since = CASE WHEN $5 AND NOT sync_hinted AND hinted_at IS NULL
        THEN coalesce(unpushed_since, clock_timestamp()) ELSE unpushed_since END,
    lease_until = NULL, synced_at = clock_timestamp(), failures = 0, not_before = NULL, error = '', mode = CASE mode
        WHEN 'needs_reauth' THEN 'live' ELSE mode END,
    due_at = clock_timestamp() + CASE WHEN hinted_at IS NULL THEN $3::interval ELSE $4::interval END
WHERE mailbox = $1 AND fence = $2

-- name: record_sync_failed
-- Ends a sync that could not be finished; the next one waits.
-- $1 text: mailbox
-- $2 bigint: fence
-- $3 text: why, without personal data
-- $4 interval: the pause
-- $5 boolean: whether the credentials are no longer taken
UPDATE mailboxes SET
    lease_until = NULL, failures = failures + 1, error = $3, error_at = clock_timestamp(),
    not_before = clock_timestamp() + $4, mode = CASE WHEN $5 THEN 'needs_reauth' ELSE mode END
WHERE mailbox = $1 AND fence = $2
RETURNING failures

-- name: record_watched
-- Keeps until when the provider tells of new mail.
-- $1 text: mailbox
-- $2 timestamptz: expiry
UPDATE mailboxes SET watched_at = clock_timestamp(), watch_expires_at = $2, watch_error = '' WHERE mailbox = $1

-- name: record_not_watched
-- Keeps why the provider would not tell of new mail.
-- $1 text: mailbox
-- $2 text: why, without personal data
UPDATE mailboxes SET watch_error = $2, error_at = clock_timestamp() WHERE mailbox = $1

-- name: fetch_next_sync
-- Seconds until a mailbox is due, or until its lease ends.
-- $1 text: mailbox
SELECT extract(epoch FROM greatest(due_at, not_before, lease_until) - clock_timestamp())::double precision
FROM mailboxes WHERE mailbox = $1

-- name: fetch_failures
-- How many syncs failed in a row.
-- $1 text: mailbox
SELECT failures FROM mailboxes WHERE mailbox = $1

-- name: fetch_mailboxes
-- How every mailbox stands, the one that was connected last first.
SELECT mailbox, mode, coalesce(nullif(error, ''), watch_error) AS error, error_at, synced_at, watch_expires_at, connected_at FROM mailboxes
ORDER BY connected_at DESC
