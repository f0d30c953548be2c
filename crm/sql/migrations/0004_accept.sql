-- Accept in one statement, so one round trip and one implicit transaction: nothing can be stored half.

-- Gives the queued work a due time after a message: the quiet window from now, capped from the burst's first
-- message. A fresh message does not wait for the back-off of an earlier failure.
CREATE FUNCTION enqueue_work(p_customer uuid, p_window interval, p_cap interval) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO work AS w (customer_id, seq, due_at, burst_began_at)
    VALUES (p_customer, 1, clock_timestamp() + p_window, clock_timestamp())
    ON CONFLICT (customer_id) DO UPDATE SET
        seq = w.seq + 1,
        due_at = CASE
            WHEN w.due_at IS NULL THEN clock_timestamp() + p_window
            WHEN w.attempts_crash + w.attempts_dependency + w.attempts_message > 0
                THEN least(w.due_at, clock_timestamp() + p_window)
            ELSE greatest(w.due_at, least(clock_timestamp() + p_window, coalesce(w.burst_began_at, clock_timestamp()) + p_cap))
        END,
        burst_began_at = CASE WHEN w.due_at IS NULL THEN clock_timestamp() ELSE coalesce(w.burst_began_at, clock_timestamp()) END
    RETURNING seq
$$;

CREATE TYPE accepted AS (
    customer_id                uuid,
    conversation_id            uuid,
    message_id                 uuid,
    ticket_id                  text,
    ticket_status              text,
    expected_response_minutes  integer,
    duplicate                  boolean,
    same_request               boolean
);

-- Deduplicates by (channel, provider id), resolves the identity, finds, reopens or opens the conversation with
-- its ticket, queues the message under the customer's next seq and appends the events. Twins that race collide
-- on a unique index; the loser is run again and finds the winner. SQLSTATE FT001: the customer was merged away
-- while this waited; run it again.
CREATE FUNCTION accept_message(
    p_channel text, p_provider_message_id text, p_thread_key text,
    p_identifier_kind text, p_identifier_value text, p_verified boolean, p_name text,
    p_subject text, p_body text, p_category text, p_priority text,
    p_request_hash bytea, p_synthetic boolean, p_reopen interval
) RETURNS accepted LANGUAGE plpgsql AS $$
DECLARE
    r             accepted;
    v_identifier  uuid;
    v_state       text;
    v_resolved    timestamptz;
    v_fresh       boolean;
    v_seq         bigint;
    v_config      channel_configs;
BEGIN
    SELECT * INTO STRICT v_config FROM channel_configs WHERE channel = p_channel;

    SELECT m.customer_id, m.conversation_id, m.message_id, m.request_hash IS NOT DISTINCT FROM p_request_hash
        INTO r.customer_id, r.conversation_id, r.message_id, r.same_request
        FROM messages m
        WHERE m.channel = p_channel AND m.provider_message_id = p_provider_message_id AND m.direction = 'inbound';
    r.duplicate := FOUND;

    IF NOT r.duplicate THEN
        r.same_request := true;
        -- Before any key is taken, which another transaction may want while this one waits for the day's first ticket.
        PERFORM ticket_day_base();
        SELECT c.customer_id, c.conversation_id, c.identifier_id, c.state, c.resolved_at
            INTO r.customer_id, r.conversation_id, v_identifier, v_state, v_resolved
            FROM conversations c
            WHERE c.channel = p_channel AND c.thread_key = p_thread_key
            ORDER BY c.created_at DESC LIMIT 1;
        v_fresh := NOT FOUND OR (v_state = 'resolved' AND v_resolved < now() - p_reopen);

        IF v_fresh AND v_identifier IS NULL AND p_verified THEN
            SELECT i.identifier_id, i.customer_id INTO v_identifier, r.customer_id
                FROM customer_identifiers i
                WHERE i.kind = p_identifier_kind AND i.value = p_identifier_value AND i.verified_at IS NOT NULL;
        END IF;
        IF v_fresh AND v_identifier IS NULL THEN
            INSERT INTO customers (name) VALUES (p_name) RETURNING customers.customer_id INTO r.customer_id;
            INSERT INTO customer_identifiers (customer_id, kind, value, verified_at)
                VALUES (r.customer_id, p_identifier_kind, p_identifier_value, CASE WHEN p_verified THEN now() END)
                RETURNING identifier_id INTO v_identifier;
        END IF;

        -- The work row is the customer's lock, taken before any row of the conversation.
        v_seq := enqueue_work(
            r.customer_id, make_interval(secs => v_config.quiet_window_ms / 1000.0),
            make_interval(secs => v_config.quiet_cap_ms / 1000.0)
        );
        IF EXISTS (SELECT FROM customers c WHERE c.customer_id = r.customer_id AND c.merged_into IS NOT NULL) THEN
            RAISE EXCEPTION 'the customer was merged' USING ERRCODE = 'FT001';
        END IF;

        IF v_fresh THEN
            INSERT INTO conversations (customer_id, identifier_id, channel, thread_key)
                VALUES (r.customer_id, v_identifier, p_channel, p_thread_key)
                RETURNING conversations.conversation_id INTO r.conversation_id;
            INSERT INTO tickets (conversation_id, customer_id, category, priority, subject)
                VALUES (r.conversation_id, r.customer_id, coalesce(p_category, 'general'), coalesce(p_priority, 'medium'), p_subject)
                RETURNING tickets.ticket_id INTO r.ticket_id;
            INSERT INTO events (topic, key, payload) VALUES (
                'fte.tickets.incoming', r.ticket_id,
                jsonb_build_object('ticket_id', r.ticket_id, 'conversation_id', r.conversation_id, 'channel', p_channel));
        ELSE
            -- Read anew under the work row's lock: a desk may have resolved or moved it meanwhile.
            UPDATE conversations c SET
                state = CASE WHEN c.state = 'resolved' THEN 'open' ELSE c.state END,
                resolved_at = NULL,
                negative_streak = CASE WHEN c.state = 'resolved' THEN 0 ELSE c.negative_streak END,
                gap_streak = CASE WHEN c.state = 'resolved' THEN 0 ELSE c.gap_streak END,
                last_message_at = clock_timestamp()
                WHERE c.conversation_id = r.conversation_id AND c.customer_id = r.customer_id;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'the conversation moved' USING ERRCODE = 'FT001';
            END IF;
            UPDATE tickets t SET status = 'open', updated_at = now()
                WHERE t.conversation_id = r.conversation_id AND t.status IN ('resolved', 'closed');
        END IF;

        INSERT INTO messages (conversation_id, customer_id, channel, direction, author, provider_message_id, request_hash, body, seq, synthetic)
            VALUES (r.conversation_id, r.customer_id, p_channel, 'inbound', 'customer', p_provider_message_id, p_request_hash, p_body, v_seq, p_synthetic)
            RETURNING messages.message_id INTO r.message_id;
        INSERT INTO events (topic, key, payload) VALUES (
            'fte.channels.' || CASE p_channel WHEN 'web_form' THEN 'webform' ELSE p_channel END || '.inbound',
            r.conversation_id::text,
            jsonb_build_object('message_id', r.message_id, 'conversation_id', r.conversation_id, 'channel', p_channel));
    END IF;

    SELECT t.ticket_id, t.status,
           coalesce(v_config.expected_response -> c.plan ->> t.priority, v_config.expected_response -> '*' ->> t.priority)::integer
        INTO r.ticket_id, r.ticket_status, r.expected_response_minutes
        FROM tickets t JOIN customers c ON c.customer_id = t.customer_id
        WHERE t.conversation_id = r.conversation_id;
    RETURN r;
END $$;
