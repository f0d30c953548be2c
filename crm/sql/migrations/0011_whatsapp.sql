-- Real providers: what a sender must remember of a send before it cannot be undone.

-- A draft at the provider (Gmail): stored before it is sent, so that after a crash the same draft is asked about.
ALTER TABLE outbox ADD COLUMN provider_draft text;
