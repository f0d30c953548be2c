-- Customers, their identifiers, conversations, tickets and messages: what was said, by whom, to whom.

CREATE TABLE customers (
    customer_id  uuid PRIMARY KEY DEFAULT uuidv7(),
    name         text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    plan         text NOT NULL DEFAULT 'free',
    merged_into  uuid REFERENCES customers,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (merged_into <> customer_id)
);

-- Keyed by (kind, value): a phone number is not the only key that a channel sends. What a form claims is
-- unverified and stays with its own customer; a verified pair belongs to one customer only.
CREATE TABLE customer_identifiers (
    identifier_id  uuid PRIMARY KEY DEFAULT uuidv7(),
    customer_id    uuid NOT NULL REFERENCES customers,
    kind           text NOT NULL CHECK (kind IN ('email', 'phone', 'whatsapp_user')),
    value          text NOT NULL CHECK (value <> '' AND length(value) <= 320),
    verified_at    timestamptz,
    opted_out_at   timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX customer_identifiers_verified_key ON customer_identifiers (kind, value) WHERE verified_at IS NOT NULL;
CREATE INDEX customer_identifiers_value ON customer_identifiers (kind, value);
CREATE INDEX customer_identifiers_customer ON customer_identifiers (customer_id);

-- One identity on one channel: a mail thread, a WhatsApp sender, one form submission. The reply goes to
-- identifier_id. owner_epoch rises whenever who may answer changes; the courier compares it before it sends.
CREATE TABLE conversations (
    conversation_id   uuid PRIMARY KEY DEFAULT uuidv7(),
    customer_id       uuid NOT NULL REFERENCES customers,
    identifier_id     uuid NOT NULL REFERENCES customer_identifiers,
    channel           text NOT NULL CHECK (channel IN ('email', 'whatsapp', 'web_form')),
    thread_key        text NOT NULL,
    state             text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'escalated', 'resolved')),
    owner             text,
    owner_epoch       integer NOT NULL DEFAULT 0,
    negative_streak   integer NOT NULL DEFAULT 0 CHECK (negative_streak >= 0),
    gap_streak        integer NOT NULL DEFAULT 0 CHECK (gap_streak >= 0),
    held_notice_at    timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    last_message_at   timestamptz NOT NULL DEFAULT now(),
    resolved_at       timestamptz,
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL)),
    CHECK (owner IS NULL OR state = 'escalated')
);
-- At most one live conversation per thread; a resolved one may be followed by another.
CREATE UNIQUE INDEX conversations_live_thread_key ON conversations (channel, thread_key) WHERE state <> 'resolved';
CREATE INDEX conversations_thread ON conversations (channel, thread_key, created_at DESC);
CREATE INDEX conversations_customer ON conversations (customer_id);

-- Numbers run from 1 each day without a hot row: a sequence never resets, and each day keeps where it began.
CREATE SEQUENCE ticket_numbers;
CREATE TABLE ticket_days (
    day   date PRIMARY KEY,
    base  bigint NOT NULL
);
-- Where today began. The first ticket of a day writes it, and others wait for that transaction: whoever may hold what
-- they want asks before it takes anything.
CREATE FUNCTION ticket_day_base() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    today  date := (now() AT TIME ZONE 'UTC')::date;
    first  bigint;
BEGIN
    SELECT base INTO first FROM ticket_days WHERE day = today;
    IF NOT FOUND THEN
        INSERT INTO ticket_days (day, base) VALUES (today, nextval('ticket_numbers')) ON CONFLICT DO NOTHING;
        SELECT base INTO first FROM ticket_days WHERE day = today;
    END IF;
    RETURN first;
END $$;
CREATE FUNCTION next_ticket_id() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    base  bigint := ticket_day_base();  -- before the next number is drawn
BEGIN
    RETURN 'TF-' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') || '-' || ticket_suffix(nextval('ticket_numbers') - base);
END $$;
CREATE FUNCTION ticket_suffix(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT lpad(number::text, greatest(4, length(number::text)), '0')
$$;

CREATE TABLE tickets (
    ticket_id        text PRIMARY KEY DEFAULT next_ticket_id() CHECK (ticket_id ~ '^TF-\d{8}-\d{4,}$'),
    conversation_id  uuid NOT NULL UNIQUE REFERENCES conversations,
    customer_id      uuid NOT NULL REFERENCES customers,
    status           text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'in_progress', 'escalated', 'resolved', 'closed')),
    category         text NOT NULL DEFAULT 'general' CHECK (category IN ('general', 'technical', 'billing', 'account', 'bug_report', 'feedback')),
    priority         text NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
    subject          text NOT NULL DEFAULT '' CHECK (length(subject) <= 300),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tickets_customer ON tickets (customer_id);

-- The one end of a burst of messages (invariant 5). fence is the claim that wrote it.
CREATE TABLE outcomes (
    outcome_id       uuid PRIMARY KEY DEFAULT uuidv7(),
    conversation_id  uuid NOT NULL REFERENCES conversations,
    kind             text NOT NULL CHECK (kind IN ('reply', 'escalation', 'held', 'suppressed', 'dead_letter')),
    reason           text NOT NULL DEFAULT '',
    fence            bigint NOT NULL,
    trace            jsonb NOT NULL DEFAULT '[]',
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (kind NOT IN ('suppressed', 'dead_letter', 'escalation') OR reason <> '')
);
CREATE INDEX outcomes_conversation ON outcomes (conversation_id, created_at);

CREATE TABLE messages (
    message_id           uuid PRIMARY KEY DEFAULT uuidv7(),
    conversation_id      uuid NOT NULL REFERENCES conversations,
    customer_id          uuid NOT NULL REFERENCES customers,
    channel              text NOT NULL,
    direction            text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    author               text NOT NULL CHECK (author IN ('customer', 'fte', 'person')),
    provider_message_id  text,
    request_hash         bytea,
    body                 text NOT NULL CHECK (length(body) <= 100000),
    seq                  bigint,
    sentiment            real CHECK (sentiment BETWEEN -1 AND 1),
    synthetic            boolean NOT NULL DEFAULT false,
    outcome_id           uuid REFERENCES outcomes,
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((direction = 'inbound') = (author = 'customer')),
    CHECK (direction = 'outbound' OR (seq IS NOT NULL AND provider_message_id IS NOT NULL))
);
-- Invariant 2: a provider's redelivery never makes a second message.
CREATE UNIQUE INDEX messages_provider_key ON messages (channel, provider_message_id) WHERE direction = 'inbound';
-- Invariant 3: one order per customer. Deferred, because a merge renumbers.
ALTER TABLE messages ADD CONSTRAINT messages_seq_key UNIQUE (customer_id, seq) DEFERRABLE INITIALLY IMMEDIATE;
-- The queue: inbound messages that have no outcome yet.
CREATE INDEX messages_queued ON messages (customer_id, seq) WHERE direction = 'inbound' AND outcome_id IS NULL;
CREATE INDEX messages_conversation ON messages (conversation_id, created_at);
CREATE INDEX messages_customer ON messages (customer_id, created_at DESC);
CREATE INDEX messages_outcome ON messages (outcome_id);

-- Invariant 5: an outcome is set once and never changed.
CREATE FUNCTION forbid_second_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'message % has an outcome already', OLD.message_id USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER messages_one_outcome BEFORE UPDATE OF outcome_id ON messages FOR EACH ROW
    WHEN (OLD.outcome_id IS NOT NULL AND OLD.outcome_id IS DISTINCT FROM NEW.outcome_id)
    EXECUTE FUNCTION forbid_second_outcome();
