-- Real providers: sends in parts, what a provider reports of them later, places in its rate, consent to be written to,
-- media that a message names, and how far a channel has been reconciled with its provider.

-- provider_draft: a draft at the provider (Gmail), stored before it is sent, so that after a crash the same draft is
-- asked about. parts: a text over the provider's limit as it is sent, one after the other; null for one that is sent
-- whole. parts_sent: how many have arrived; state, lease and attempts are those of the next one. began_at: when that
-- one was first handed to the provider. slot_at: its place in the provider's rate. refused_as: how it ends because
-- the provider reported that a part was not delivered, also before the courier has heard that it was taken. is_consent: the one confirmation of
-- an opt-out or opt-in, which goes out whoever has the conversation.
ALTER TABLE outbox
    ADD COLUMN provider_draft text,
    ADD COLUMN parts text[] CHECK (cardinality(parts) > 1),
    ADD COLUMN parts_sent smallint NOT NULL DEFAULT 0,
    ADD COLUMN began_at timestamptz,
    ADD COLUMN slot_at timestamptz,
    ADD COLUMN refused_as text CHECK (refused_as IN ('failed', 'cancelled')),
    ADD COLUMN is_consent boolean NOT NULL DEFAULT false;
UPDATE outbox SET parts_sent = 1 WHERE state = 'sent';

-- What a provider has of a part, as far as it reports on single ones. status is the highest by rank of all that it
-- reported, so that the order in which reports arrive does not matter.
CREATE TABLE outbox_parts (
    outbox_id            uuid NOT NULL REFERENCES outbox,
    part                 smallint NOT NULL CHECK (part >= 0),
    provider_message_id  text NOT NULL,
    status               text NOT NULL DEFAULT '',
    status_rank          smallint NOT NULL DEFAULT 0,
    error_code           integer,
    recorded_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (outbox_id, part)
);
CREATE INDEX outbox_parts_provider ON outbox_parts (provider_message_id);

-- Every report, as it came.
CREATE TABLE delivery_events (
    event_id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    outbox_id            uuid NOT NULL REFERENCES outbox,
    part                 smallint NOT NULL,
    provider_message_id  text NOT NULL,
    status               text NOT NULL,
    error_code           integer,
    received_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX delivery_events_outbox ON delivery_events (outbox_id, part);
CREATE INDEX delivery_events_provider ON delivery_events (provider_message_id);

-- When the next send of a sender, or to a recipient, may leave: a leaky bucket as one moment (GCRA), shared by all
-- couriers.
CREATE TABLE send_rates (
    key      text PRIMARY KEY,
    free_at  timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Takes places in a rate for leased rows that have none yet, and returns for each how many seconds it is to wait.
-- A rate is a time between two sends and how many may leave at once.
CREATE FUNCTION reserve_slots(
    p_outbox_ids uuid[], p_sender_key text, p_every interval, p_burst integer,
    p_recipient_every interval, p_recipient_burst integer
) RETURNS TABLE (outbox_id uuid, wait_s double precision) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_row   record;
    v_slot  timestamptz;
BEGIN
    -- The sender's row first: whoever reserves for the same sender waits here, so that the recipients' cannot cross.
    INSERT INTO send_rates (key, free_at) VALUES (p_sender_key, now()) ON CONFLICT DO NOTHING;
    PERFORM FROM send_rates WHERE key = p_sender_key FOR UPDATE;
    FOR v_row IN
        SELECT o.outbox_id, o.slot_at, c.identifier_id FROM outbox o JOIN conversations c USING (conversation_id)
        WHERE o.outbox_id = ANY (p_outbox_ids) AND o.state = 'sending' ORDER BY o.position
    LOOP
        v_slot := v_row.slot_at;
        IF v_slot IS NULL THEN
            v_slot := greatest(
                take_slot(p_sender_key, p_every, p_burst),
                take_slot(p_sender_key || '>' || v_row.identifier_id, p_recipient_every, p_recipient_burst));
            UPDATE outbox SET slot_at = v_slot WHERE outbox.outbox_id = v_row.outbox_id;
        END IF;
        outbox_id := v_row.outbox_id;
        wait_s := greatest(extract(epoch FROM v_slot - clock_timestamp())::double precision, 0);
        RETURN NEXT;
    END LOOP;
END $$;
CREATE FUNCTION take_slot(p_key text, p_every interval, p_burst integer) RETURNS timestamptz LANGUAGE sql AS $$
    INSERT INTO send_rates AS r (key, free_at) VALUES (p_key, clock_timestamp() + p_every)
    ON CONFLICT (key) DO UPDATE SET free_at = greatest(r.free_at, clock_timestamp()) + p_every
    RETURNING free_at - p_every * p_burst
$$;

-- Takes a report on a part. Locks the conversation before the outbox row, as everybody does. 'unknown' for a row that
-- does not exist, 'doubled' when a part that has arrived was also sent under another id, 'failed' when a person is
-- now asked to see to it, 'opted_out' when the provider says that the recipient did, 'moved' when the courier has
-- something to do now, otherwise 'recorded'.
-- p_rank orders statuses; p_ending is 'failed' or 'opted_out' for those that say that the part was not delivered.
CREATE FUNCTION record_delivery_event(
    p_outbox uuid, p_part smallint, p_provider_id text, p_status text, p_rank smallint, p_arrived_rank smallint,
    p_error_code integer, p_ending text, p_summary text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_conversation  uuid;
    v_newest        uuid;
    v_identifier    uuid;
    v_row           outbox;
    v_part          outbox_parts;
BEGIN
    SELECT c.conversation_id, c.identifier_id INTO v_conversation, v_identifier
        FROM outbox o JOIN conversations c USING (conversation_id) WHERE o.outbox_id = p_outbox;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    IF p_ending IS NOT NULL THEN
        SELECT n.conversation_id INTO v_newest FROM conversations n
            JOIN conversations c ON c.conversation_id = v_conversation AND n.channel = c.channel AND n.thread_key = c.thread_key
            ORDER BY n.created_at DESC LIMIT 1 FOR UPDATE OF n;
    END IF;
    SELECT * INTO v_row FROM outbox WHERE outbox_id = p_outbox FOR UPDATE;

    INSERT INTO delivery_events (outbox_id, part, provider_message_id, status, error_code)
        VALUES (p_outbox, p_part, p_provider_id, p_status, p_error_code);
    -- Before the courier has heard of the send: that is how it learns that an uncertain one arrived.
    INSERT INTO outbox_parts (outbox_id, part, provider_message_id) VALUES (p_outbox, p_part, p_provider_id)
        ON CONFLICT DO NOTHING;
    SELECT * INTO v_part FROM outbox_parts WHERE outbox_id = p_outbox AND part = p_part;
    IF v_part.provider_message_id <> p_provider_id THEN
        RETURN 'doubled';
    END IF;
    IF p_rank <= v_part.status_rank THEN
        RETURN 'recorded';
    END IF;
    UPDATE outbox_parts SET status = p_status, status_rank = p_rank, error_code = p_error_code
        WHERE outbox_id = p_outbox AND part = p_part;

    IF p_ending = 'opted_out' THEN
        PERFORM record_provider_opt_out(v_identifier);
        PERFORM refuse_send(p_outbox, 'cancelled', p_summary);
        RETURN 'opted_out';
    ELSIF p_ending = 'failed' THEN
        PERFORM refuse_send(p_outbox, 'failed', p_summary);
        PERFORM escalate_undeliverable(v_newest, v_row.outcome_id, p_summary);
        RETURN 'failed';
    END IF;
    -- The part in hand has arrived, or the one before it is on its way so that this one may follow.
    UPDATE outbox SET due_at = clock_timestamp()
        WHERE outbox_id = p_outbox AND due_at > clock_timestamp() AND (
            (state = 'unknown' AND parts_sent = p_part)
            OR (state = 'pending' AND parts_sent = p_part + 1 AND p_rank >= p_arrived_rank));
    RETURN CASE WHEN FOUND THEN 'moved' ELSE 'recorded' END;
END $$;

-- What a courier has in hand it ends itself.
CREATE FUNCTION refuse_send(p_outbox uuid, p_as text, p_error text) RETURNS void LANGUAGE sql AS $$
    UPDATE outbox SET refused_as = p_as, error = p_error,
        state = CASE WHEN state IN ('pending', 'sent') THEN p_as ELSE state END,
        finished_at = CASE WHEN state IN ('pending', 'sent') THEN coalesce(finished_at, clock_timestamp()) ELSE finished_at END
        WHERE outbox_id = p_outbox
$$;

-- Hands a conversation whose reply could not be delivered to a person. Its caller holds the conversation.
CREATE FUNCTION escalate_undeliverable(p_conversation uuid, p_outcome uuid, p_summary text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO escalations (conversation_id, outcome_id, reason_code, team, severity, summary)
        VALUES (p_conversation, p_outcome, 'tool_failure', 'technical', 'P2', p_summary)
        ON CONFLICT (conversation_id) WHERE status IN ('open', 'taken') DO NOTHING;
    UPDATE tickets SET status = 'escalated', updated_at = now() WHERE conversation_id = p_conversation;
    INSERT INTO events (topic, key, payload)
        VALUES ('fte.escalations', p_conversation::text,
                jsonb_build_object('conversation_id', p_conversation, 'reason', 'tool_failure'));
    UPDATE conversations SET state = 'escalated', resolved_at = NULL, answered_at = NULL
        WHERE conversation_id = p_conversation;
$$;

-- Who asked not to be written to, and who took it back; the latest row of an identifier is what opted_out_at says.
CREATE TABLE consents (
    consent_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identifier_id  uuid NOT NULL REFERENCES customer_identifiers,
    opted_out      boolean NOT NULL,
    source         text NOT NULL CHECK (source IN ('customer', 'provider')),
    message_id     uuid REFERENCES messages,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX consents_identifier ON consents (identifier_id, consent_id DESC);

-- The identifier first: of two words at once the later row is the one that stands.
CREATE FUNCTION record_provider_opt_out(p_identifier uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE customer_identifiers SET opted_out_at = coalesce(opted_out_at, clock_timestamp())
        WHERE identifier_id = p_identifier;
    INSERT INTO consents (identifier_id, opted_out, source) VALUES (p_identifier, true, 'provider');
$$;

-- Ends a send in hand to somebody of whom the provider says that they opted out.
CREATE FUNCTION record_opted_out(p_outbox uuid, p_lease bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_conversation  uuid;
BEGIN
    UPDATE outbox SET state = 'cancelled', lease_until = NULL, finished_at = clock_timestamp(),
        error = 'the recipient opted out'
        WHERE outbox_id = p_outbox AND lease = p_lease AND state IN ('sending', 'unknown')
        RETURNING conversation_id INTO v_conversation;
    IF FOUND THEN
        PERFORM record_provider_opt_out(c.identifier_id) FROM conversations c WHERE c.conversation_id = v_conversation;
    END IF;
END $$;

-- Files that a message names at its provider, fetched after it was accepted. due_at is also the lease of a fetch.
CREATE TABLE media_fetches (
    media_id         uuid PRIMARY KEY DEFAULT uuidv7(),
    conversation_id  uuid NOT NULL REFERENCES conversations,
    message_id       uuid NOT NULL REFERENCES messages,
    url              text NOT NULL,
    media_type       text NOT NULL,
    state            text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'stored', 'failed')),
    attempts         smallint NOT NULL DEFAULT 0,
    due_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    error            text,
    attachment_id    uuid REFERENCES attachments,
    finished_at      timestamptz,
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK ((state = 'stored') = (attachment_id IS NOT NULL))
);
CREATE INDEX media_fetches_open ON media_fetches (due_at) WHERE state = 'pending';
CREATE INDEX media_fetches_message ON media_fetches (message_id);

-- Until when everything at a provider is known to have been accepted here, by what is read there.
CREATE TABLE channel_syncs (
    source        text PRIMARY KEY,
    synced_until  timestamptz NOT NULL,
    lease_until   timestamptz,
    last_error    text NOT NULL DEFAULT '',
    last_error_at timestamptz
);

-- accept_screened, and in the same statement what else belongs to the message: files to fetch, and a word that says
-- whether its sender wants to be written to. p_opted_out is null for a message that says nothing about that.
CREATE FUNCTION accept_with_extras(
    p_channel text, p_provider_message_id text, p_thread_key text,
    p_identifier_kind text, p_identifier_value text, p_verified boolean, p_name text,
    p_subject text, p_body text, p_category text, p_priority text,
    p_request_hash bytea, p_synthetic boolean, p_reopen interval,
    p_reasons text[], p_per_recipient integer, p_sender bytea, p_per_sender integer,
    p_media_urls text[], p_media_types text[], p_opted_out boolean, p_confirmation text, p_send_token text
) RETURNS accepted LANGUAGE plpgsql AS $$
DECLARE
    r  accepted;
BEGIN
    SELECT * INTO r FROM accept_screened(
        p_channel, p_provider_message_id, p_thread_key, p_identifier_kind, p_identifier_value, p_verified, p_name,
        p_subject, p_body, p_category, p_priority, p_request_hash, p_synthetic, p_reopen,
        p_reasons, p_per_recipient, p_sender, p_per_sender);
    IF r.duplicate THEN
        RETURN r;
    END IF;
    INSERT INTO media_fetches (conversation_id, message_id, url, media_type)
        SELECT r.conversation_id, r.message_id, m.url, m.media_type
        FROM unnest(p_media_urls, p_media_types) WITH ORDINALITY AS m (url, media_type, place) ORDER BY m.place;
    IF p_opted_out IS NOT NULL THEN
        PERFORM record_consent(r.customer_id, r.conversation_id, r.message_id, p_opted_out, p_confirmation, p_send_token);
    END IF;
    RETURN r;
END $$;

-- A customer's word on being written to, which no turn handles: it ends, with what waits before it in its
-- conversation, as suppressed; a running turn loses; what was written and not yet sent is cancelled by the courier.
-- Its caller holds the work row. Who never opted out and writes START says nothing new: that is an ordinary message.
CREATE FUNCTION record_consent(
    p_customer uuid, p_conversation uuid, p_message uuid, p_opted_out boolean, p_confirmation text, p_send_token text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_conversation  conversations;
    v_was_out       boolean;
    v_fence         bigint;
    v_outcome       uuid;
    v_reply         uuid;
    v_next          timestamptz;
BEGIN
    SELECT * INTO STRICT v_conversation FROM conversations WHERE conversation_id = p_conversation FOR UPDATE;
    SELECT i.opted_out_at IS NOT NULL INTO STRICT v_was_out FROM customer_identifiers i
        WHERE i.identifier_id = v_conversation.identifier_id FOR UPDATE;
    IF NOT p_opted_out AND NOT v_was_out THEN
        RETURN;
    END IF;
    INSERT INTO consents (identifier_id, opted_out, source, message_id)
        VALUES (v_conversation.identifier_id, p_opted_out, 'customer', p_message);
    UPDATE customer_identifiers SET opted_out_at = CASE WHEN p_opted_out THEN coalesce(opted_out_at, clock_timestamp()) END
        WHERE identifier_id = v_conversation.identifier_id;

    UPDATE work SET fence = fence + 1, lease_until = NULL WHERE customer_id = p_customer RETURNING fence INTO v_fence;
    INSERT INTO outcomes (conversation_id, kind, reason, fence)
        VALUES (p_conversation, 'suppressed', CASE WHEN p_opted_out THEN 'opt_out' ELSE 'opt_in' END, v_fence)
        RETURNING outcome_id INTO v_outcome;
    UPDATE messages SET outcome_id = v_outcome
        WHERE conversation_id = p_conversation AND direction = 'inbound' AND outcome_id IS NULL;
    SELECT m.created_at INTO v_next FROM messages m
        WHERE m.customer_id = p_customer AND m.direction = 'inbound' AND m.outcome_id IS NULL
        ORDER BY m.seq LIMIT 1;
    UPDATE work SET
        due_at = CASE WHEN v_next IS NULL THEN NULL WHEN due_at = 'infinity' THEN due_at ELSE clock_timestamp() END,
        burst_began_at = v_next
        WHERE customer_id = p_customer;
    -- Nothing is asked any more, so that the conversation ends when it stays quiet.
    UPDATE conversations SET answered_at = clock_timestamp() WHERE conversation_id = p_conversation AND state = 'open';

    IF p_confirmation <> '' AND v_was_out <> p_opted_out THEN
        INSERT INTO messages (conversation_id, customer_id, channel, direction, author, body)
            VALUES (p_conversation, p_customer, v_conversation.channel, 'outbound', 'fte', p_confirmation)
            RETURNING message_id INTO v_reply;
        INSERT INTO outbox (conversation_id, message_id, outcome_id, author, owner_epoch, send_token, is_consent)
            VALUES (p_conversation, v_reply, v_outcome, 'fte', v_conversation.owner_epoch, p_send_token, true);
    END IF;
END $$;
