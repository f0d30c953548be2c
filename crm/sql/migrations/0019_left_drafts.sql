-- Drafts at the provider of what is not sent any more, which are to be deleted there; their ids are forgotten then.
CREATE INDEX outbox_left_drafts ON outbox (position)
    WHERE provider_draft IS NOT NULL AND state IN ('cancelled', 'failed');
