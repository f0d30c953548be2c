-- Work rows, the outbox, escalations, events and metrics: what is to be done, and what was.

-- One narrow row per customer. due_at is null when nothing is queued. A claim raises the fence and sets the
-- lease; whoever must win at once (a takeover, an opt-out, a merge) raises the fence and clears the lease.
CREATE TABLE work (
    customer_id          uuid PRIMARY KEY REFERENCES customers,
    seq                  bigint NOT NULL DEFAULT 0,
    fence                bigint NOT NULL DEFAULT 0,
    lease_until          timestamptz,
    due_at               timestamptz,
    burst_began_at       timestamptz,
    attempts_crash       smallint NOT NULL DEFAULT 0,
    attempts_dependency  integer NOT NULL DEFAULT 0,
    attempts_message     smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX work_due ON work (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE outbox (
    outbox_id            uuid PRIMARY KEY DEFAULT uuidv7(),
    position             bigint GENERATED ALWAYS AS IDENTITY,
    conversation_id      uuid NOT NULL REFERENCES conversations,
    message_id           uuid NOT NULL UNIQUE REFERENCES messages,
    outcome_id           uuid REFERENCES outcomes,
    author               text NOT NULL CHECK (author IN ('fte', 'person')),
    state                text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'sent', 'unknown', 'failed', 'cancelled')),
    owner_epoch          integer NOT NULL,
    send_token           text NOT NULL UNIQUE,
    lease                bigint NOT NULL DEFAULT 0,
    lease_until          timestamptz,
    due_at               timestamptz NOT NULL DEFAULT now(),
    attempts             smallint NOT NULL DEFAULT 0,
    lookups              smallint NOT NULL DEFAULT 0,
    provider_message_id  text,
    error                text,
    created_at           timestamptz NOT NULL DEFAULT now(),
    finished_at          timestamptz,
    CHECK ((state = 'sent') <= (provider_message_id IS NOT NULL)),
    CHECK ((state IN ('sent', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
-- One reply per outcome: answering twice is impossible, not merely avoided.
CREATE UNIQUE INDEX outbox_outcome_key ON outbox (outcome_id) WHERE outcome_id IS NOT NULL;
CREATE INDEX outbox_open ON outbox (due_at) WHERE state IN ('pending', 'sending', 'unknown');
CREATE INDEX outbox_open_conversation ON outbox (conversation_id, position) WHERE state IN ('pending', 'sending', 'unknown');
CREATE INDEX outbox_provider ON outbox (provider_message_id) WHERE provider_message_id IS NOT NULL;

CREATE TABLE escalations (
    escalation_id    uuid PRIMARY KEY DEFAULT uuidv7(),
    conversation_id  uuid NOT NULL REFERENCES conversations,
    outcome_id       uuid REFERENCES outcomes,
    reason_code      text NOT NULL,
    team             text NOT NULL CHECK (team IN ('billing', 'legal', 'security', 'technical', 'general')),
    severity         text NOT NULL CHECK (severity IN ('P1', 'P2', 'P3')),
    summary          text NOT NULL,
    status           text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'taken', 'handed_back', 'resolved')),
    taken_by         text,
    note             text NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_at         timestamptz,
    raised_again_at  timestamptz,
    closed_at        timestamptz,
    CHECK ((status = 'taken') <= (taken_by IS NOT NULL)),
    CHECK ((status IN ('handed_back', 'resolved')) = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX escalations_live_key ON escalations (conversation_id) WHERE status IN ('open', 'taken');
CREATE INDEX escalations_desk ON escalations (team, status, created_at);

-- Appended in the transaction that they describe; relayed to Kafka where one is configured.
CREATE TABLE events (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text NOT NULL,
    key         text NOT NULL,
    payload     jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    relayed_at  timestamptz
);
CREATE INDEX events_unrelayed ON events (event_id) WHERE relayed_at IS NULL;

-- One row per measured thing: 'turn' and 'deliver' are written in their own transactions, 'accept' in batches.
CREATE TABLE agent_metrics (
    metric_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind             text NOT NULL CHECK (kind IN ('accept', 'turn', 'deliver', 'search')),
    channel          text NOT NULL,
    conversation_id  uuid,
    outcome_kind     text,
    reason           text,
    total_ms         real NOT NULL,
    end_to_end_ms    real,
    stages           jsonb NOT NULL DEFAULT '{}',
    sentiment        real,
    model_calls      smallint,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agent_metrics_recent ON agent_metrics (created_at, kind, channel);

-- What a merge moved, so that it can be undone.
CREATE TABLE customer_merges (
    merge_id        uuid PRIMARY KEY DEFAULT uuidv7(),
    source_id       uuid NOT NULL REFERENCES customers,
    target_id       uuid NOT NULL REFERENCES customers,
    evidence        text NOT NULL,
    identifier_ids  uuid[] NOT NULL,
    conversation_ids uuid[] NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    undone_at       timestamptz
);

-- quiet_window_ms: from the first message of a burst to its turn; quiet_cap_ms bounds it. expected_response
-- maps plan ('*' for any), then priority, to minutes.
CREATE TABLE channel_configs (
    channel            text PRIMARY KEY CHECK (channel IN ('email', 'whatsapp', 'web_form')),
    enabled            boolean NOT NULL DEFAULT true,
    quiet_window_ms    integer NOT NULL DEFAULT 0 CHECK (quiet_window_ms >= 0),
    quiet_cap_ms       integer NOT NULL DEFAULT 0 CHECK (quiet_cap_ms >= quiet_window_ms),
    expected_response  jsonb NOT NULL,
    updated_at         timestamptz NOT NULL DEFAULT now()
);
INSERT INTO channel_configs (channel, quiet_window_ms, quiet_cap_ms, expected_response) VALUES
    ('web_form', 0, 0,       '{"*": {"low": 10, "medium": 5, "high": 5, "urgent": 2}}'),
    ('email', 0, 0,          '{"*": {"low": 30, "medium": 15, "high": 10, "urgent": 5}}'),
    ('whatsapp', 1000, 4000, '{"*": {"low": 5, "medium": 5, "high": 2, "urgent": 2}}');
