-- Requests of the form that look like spam: stored and answered like any other, and handled by no turn until a person
-- releases them. Work that waits so is due at infinity; a takeover, which makes work due at once, ends the wait too.

CREATE TABLE quarantine (
    quarantine_id    uuid PRIMARY KEY DEFAULT uuidv7(),
    conversation_id  uuid NOT NULL UNIQUE REFERENCES conversations,
    reasons          text[] NOT NULL CHECK (cardinality(reasons) > 0),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    ending           text CHECK (ending IN ('released', 'discarded')),
    ended_by         text,
    ended_at         timestamptz,
    CHECK ((ending IS NULL) = (ended_at IS NULL) AND (ending IS NULL) = (ended_by IS NULL))
);
CREATE INDEX quarantine_open ON quarantine (created_at) WHERE ending IS NULL;

-- One row per request whose network address is known, for about an hour. The sender is a keyed hash of the address.
-- Rows are only added, so that requests never wait for each other here.
CREATE TABLE form_senders (
    sender      bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX form_senders_recent ON form_senders (sender, created_at);
CREATE INDEX form_senders_old ON form_senders (created_at);

-- How often an address was typed into the form lately is read from its identifiers; this index now knows when.
DROP INDEX customer_identifiers_value;
CREATE INDEX customer_identifiers_value ON customer_identifiers (kind, value, created_at);

-- accept_message, and for what comes from the form (p_reasons is not null) the screening in the same statement: an
-- hour's limits per address that is written to and per sender, and quarantine for whatever has a reason.
CREATE FUNCTION accept_screened(
    p_channel text, p_provider_message_id text, p_thread_key text,
    p_identifier_kind text, p_identifier_value text, p_verified boolean, p_name text,
    p_subject text, p_body text, p_category text, p_priority text,
    p_request_hash bytea, p_synthetic boolean, p_reopen interval,
    p_reasons text[], p_per_recipient integer, p_sender bytea, p_per_sender integer
) RETURNS accepted LANGUAGE plpgsql AS $$
DECLARE
    r          accepted;
    v_reasons  text[] := p_reasons;
    v_count    integer;
BEGIN
    SELECT * INTO r FROM accept_message(
        p_channel, p_provider_message_id, p_thread_key, p_identifier_kind, p_identifier_value, p_verified, p_name,
        p_subject, p_body, p_category, p_priority, p_request_hash, p_synthetic, p_reopen);
    IF r.duplicate OR p_reasons IS NULL THEN
        RETURN r;
    END IF;

    -- No more rows are read than the limit has; the request's own is among them.
    SELECT count(*) INTO v_count FROM (
        SELECT FROM customer_identifiers i
        WHERE i.kind = p_identifier_kind AND i.value = p_identifier_value AND i.created_at > now() - interval '1 hour'
        LIMIT p_per_recipient + 1
    ) AS recent;
    IF v_count > p_per_recipient THEN
        v_reasons := v_reasons || 'recipient_rate'::text;
    END IF;

    IF p_sender IS NOT NULL THEN
        INSERT INTO form_senders (sender) VALUES (p_sender);
        -- Each request forgets a few that no limit looks at any more, but for what another one is forgetting.
        DELETE FROM form_senders WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM form_senders WHERE created_at < now() - interval '1 hour'
            ORDER BY created_at LIMIT 3 FOR UPDATE SKIP LOCKED));
        SELECT count(*) INTO v_count FROM (
            SELECT FROM form_senders s
            WHERE s.sender = p_sender AND s.created_at > now() - interval '1 hour'
            LIMIT p_per_sender + 1
        ) AS recent;
        IF v_count > p_per_sender THEN
            v_reasons := v_reasons || 'sender_rate'::text;
        END IF;
    END IF;

    IF cardinality(v_reasons) > 0 THEN
        INSERT INTO quarantine (conversation_id, reasons) VALUES (r.conversation_id, v_reasons);
        UPDATE work SET due_at = 'infinity' WHERE customer_id = r.customer_id;
        INSERT INTO events (topic, key, payload) VALUES (
            'fte.escalations', r.conversation_id::text,
            jsonb_build_object('conversation_id', r.conversation_id, 'action', 'quarantined', 'reasons', v_reasons));
    END IF;
    RETURN r;
END $$;

-- For messages that share a transaction, which so holds the locks of several customers. Who holds one and waits for
-- another must not wait long: somebody else may hold that one and wait for this one, and the server would end either,
-- a person's takeover too, after a second. SQLSTATE 55P03: nothing is written; accept each alone.
CREATE FUNCTION accept_in_company(
    p_channel text, p_provider_message_id text, p_thread_key text,
    p_identifier_kind text, p_identifier_value text, p_verified boolean, p_name text,
    p_subject text, p_body text, p_category text, p_priority text,
    p_request_hash bytea, p_synthetic boolean, p_reopen interval,
    p_reasons text[], p_per_recipient integer, p_sender bytea, p_per_sender integer
) RETURNS accepted LANGUAGE sql SET lock_timeout = '100ms' AS $$
    SELECT * FROM accept_screened(
        p_channel, p_provider_message_id, p_thread_key, p_identifier_kind, p_identifier_value, p_verified, p_name,
        p_subject, p_body, p_category, p_priority, p_request_hash, p_synthetic, p_reopen,
        p_reasons, p_per_recipient, p_sender, p_per_sender)
$$;

-- A person's word on a request that waits here: 'released' to the next turn, or 'discarded' as spam, which ends its
-- messages with a recorded reason. False when it does not wait (any more).
CREATE FUNCTION end_quarantine(p_conversation uuid, p_ending text, p_operator text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_customer  uuid;
    v_fence     bigint;
    v_outcome   uuid;
BEGIN
    SELECT customer_id INTO v_customer FROM conversations WHERE conversation_id = p_conversation;
    UPDATE work SET due_at = clock_timestamp(), burst_began_at = clock_timestamp(), fence = fence + 1
        WHERE customer_id = v_customer AND due_at = 'infinity'
        RETURNING fence INTO v_fence;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE quarantine SET ending = p_ending, ended_by = p_operator, ended_at = clock_timestamp()
        WHERE conversation_id = p_conversation AND ending IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'work waits at infinity without a quarantine' USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    IF p_ending = 'discarded' THEN
        UPDATE conversations SET state = 'resolved', owner = NULL, owner_epoch = owner_epoch + 1, resolved_at = now()
            WHERE conversation_id = p_conversation;
        UPDATE tickets SET status = 'closed', updated_at = now() WHERE conversation_id = p_conversation;
        INSERT INTO outcomes (conversation_id, kind, reason, fence)
            VALUES (p_conversation, 'suppressed', 'spam', v_fence) RETURNING outcome_id INTO v_outcome;
        UPDATE messages SET outcome_id = v_outcome
            WHERE conversation_id = p_conversation AND direction = 'inbound' AND outcome_id IS NULL;
        UPDATE work SET due_at = NULL, burst_began_at = NULL
            WHERE customer_id = v_customer AND NOT EXISTS (
                SELECT FROM messages m
                WHERE m.customer_id = v_customer AND m.direction = 'inbound' AND m.outcome_id IS NULL);
    END IF;
    INSERT INTO events (topic, key, payload) VALUES (
        'fte.escalations', p_conversation::text,
        jsonb_build_object('conversation_id', p_conversation, 'action', p_ending, 'operator', p_operator));
    RETURN true;
END $$;
