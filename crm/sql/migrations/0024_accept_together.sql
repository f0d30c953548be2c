-- Accept for less: who writes for the first time, which is most of a form's requests, is stored together with the
-- others of the same transaction. PostgreSQL prepares every statement, its checks included, once for all of its rows.

-- As before, but not inlined: of a function in plain SQL the text was parsed anew for every identifier that is stored.
CREATE OR REPLACE FUNCTION identifier_key(p_kind text, p_value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN CASE
        WHEN p_kind = 'email' AND lower(btrim(p_value)) ~ '^[^@+]*[^@+.][^@+]*(\+[^@]*)?@(gmail|googlemail)\.com$'
            THEN replace(regexp_replace(lower(btrim(p_value)), '[+@].*$', ''), '.', '') || '@gmail.com'
        WHEN p_kind = 'email' THEN lower(btrim(p_value))
        WHEN p_kind = 'phone' AND p_value ~ '^ *(\+|00)?[0-9][0-9 ().-]*$'
            THEN '+' || regexp_replace(regexp_replace(p_value, '\D', '', 'g'), '^00', '')
        ELSE btrim(p_value)
    END;
END $$;

-- Opens a conversation with its ticket for each message that p_places names, in that order, and stores the message.
-- All arrays are of messages. A customer of null is new, and is stored with the identifier and the work row; for a
-- known one the caller holds the work row, which gave the seq, and names the identifier. held_on is the channel of the
-- conversation, which for a mail may be the form's. The plan is prepared for any number of messages, not anew for each.
CREATE FUNCTION open_conversations(
    p_places integer[], p_customers uuid[], p_identifiers uuid[], p_seqs bigint[],
    p_held_on text[], p_channels text[], p_provider_message_ids text[], p_thread_keys text[],
    p_identifier_kinds text[], p_identifier_values text[], p_verified boolean[], p_names text[],
    p_subjects text[], p_bodies text[], p_categories text[], p_priorities text[],
    p_request_hashes bytea[], p_synthetic boolean[]
) RETURNS SETOF accepted LANGUAGE plpgsql SET plan_cache_mode = 'force_generic_plan' AS $$
BEGIN
    RETURN QUERY
    WITH opened AS MATERIALIZED (
        SELECT p.place,
               p_customers[p.n] IS NULL AS is_new,
               coalesce(p_customers[p.n], uuidv7()) AS customer_id,
               coalesce(p_identifiers[p.n], uuidv7()) AS identifier_id,
               coalesce(p_seqs[p.n], 1) AS seq,
               uuidv7() AS conversation_id,
               uuidv7() AS message_id,
               next_ticket_id() AS ticket_id,
               p_held_on[p.n] AS held_on,
               k.channel, k.quiet_window_ms, k.expected_response,
               p.n
        FROM unnest(p_places) WITH ORDINALITY AS p (n, place)
        JOIN channel_configs k ON k.channel = p_channels[p.n]
        ORDER BY p.place
    ), new_customers AS (
        INSERT INTO customers (customer_id, name)
            SELECT o.customer_id, p_names[o.n] FROM opened o WHERE o.is_new
            RETURNING customers.customer_id, customers.plan
    ), new_identifiers AS (
        INSERT INTO customer_identifiers (identifier_id, customer_id, kind, value, verified_at, claimed)
            SELECT o.identifier_id, o.customer_id, p_identifier_kinds[o.n], p_identifier_values[o.n],
                   CASE WHEN p_verified[o.n] THEN now() END, NOT p_verified[o.n]
            FROM opened o WHERE o.is_new
    ), new_work AS (
        INSERT INTO work (customer_id, seq, due_at, burst_began_at)
            SELECT o.customer_id, o.seq, clock_timestamp() + make_interval(secs => o.quiet_window_ms / 1000.0),
                   clock_timestamp()
            FROM opened o WHERE o.is_new
    ), new_conversations AS (
        INSERT INTO conversations (conversation_id, customer_id, identifier_id, channel, thread_key)
            SELECT o.conversation_id, o.customer_id, o.identifier_id, o.held_on, p_thread_keys[o.n] FROM opened o
    ), new_tickets AS (
        INSERT INTO tickets (ticket_id, conversation_id, customer_id, category, priority, subject)
            SELECT o.ticket_id, o.conversation_id, o.customer_id, coalesce(p_categories[o.n], 'general'),
                   coalesce(p_priorities[o.n], 'medium'), p_subjects[o.n]
            FROM opened o
            RETURNING tickets.ticket_id, tickets.status, tickets.priority
    ), new_messages AS (
        INSERT INTO messages (message_id, conversation_id, customer_id, channel, direction, author,
                              provider_message_id, request_hash, body, seq, synthetic)
            SELECT o.message_id, o.conversation_id, o.customer_id, o.channel, 'inbound', 'customer',
                   p_provider_message_ids[o.n], p_request_hashes[o.n], p_bodies[o.n], o.seq, p_synthetic[o.n]
            FROM opened o
    ), new_events AS (
        INSERT INTO events (topic, key, payload)
            SELECT e.topic, e.key, e.payload FROM opened o CROSS JOIN LATERAL (VALUES
                ('fte.tickets.incoming', o.ticket_id,
                 jsonb_build_object(
                     'ticket_id', o.ticket_id, 'conversation_id', o.conversation_id, 'channel', o.held_on)),
                ('fte.channels.' || CASE o.channel WHEN 'web_form' THEN 'webform' ELSE o.channel END || '.inbound',
                 o.conversation_id::text,
                 jsonb_build_object(
                     'message_id', o.message_id, 'conversation_id', o.conversation_id, 'channel', o.channel))
            ) AS e (topic, key, payload)
    )
    SELECT o.customer_id, o.conversation_id, o.message_id, o.ticket_id, t.status,
           coalesce(o.expected_response -> coalesce(c.plan, (
                        SELECT u.plan FROM customers u WHERE u.customer_id = p_customers[o.n])) ->> t.priority,
                    o.expected_response -> '*' ->> t.priority)::integer,
           false, true
    FROM opened o
    JOIN new_tickets t ON t.ticket_id = o.ticket_id
    LEFT JOIN new_customers c ON c.customer_id = o.customer_id
    ORDER BY o.place;
END $$;

-- As before, but what begins goes the way of open_conversations.
CREATE OR REPLACE FUNCTION accept_message(
    p_channel text, p_provider_message_id text, p_thread_key text,
    p_identifier_kind text, p_identifier_value text, p_verified boolean, p_name text,
    p_subject text, p_body text, p_category text, p_priority text,
    p_request_hash bytea, p_synthetic boolean, p_reopen interval
) RETURNS accepted LANGUAGE plpgsql AS $$
DECLARE
    r             accepted;
    v_channel     text := p_channel;
    v_identifier  uuid;
    v_found       boolean;
    v_state       text;
    v_resolved    timestamptz;
    v_fresh       boolean;
    v_known       boolean := false;
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
        v_found := FOUND;
        IF NOT v_found AND p_channel = 'email' AND p_verified THEN
            SELECT c.customer_id, c.conversation_id, c.identifier_id, c.state, c.resolved_at
                INTO r.customer_id, r.conversation_id, v_identifier, v_state, v_resolved
                FROM conversations c JOIN customer_identifiers i ON i.identifier_id = c.identifier_id
                WHERE c.channel = 'web_form' AND c.thread_key = p_thread_key AND i.verified_at IS NOT NULL
                  AND i.kind = p_identifier_kind AND i.key = identifier_key(p_identifier_kind, p_identifier_value)
                ORDER BY c.created_at DESC LIMIT 1;
            v_found := FOUND;
            IF v_found THEN
                v_channel := 'web_form';
            END IF;
        END IF;
        v_fresh := NOT v_found OR (v_state = 'resolved' AND v_resolved < now() - p_reopen);

        IF v_fresh AND v_identifier IS NULL AND p_verified THEN
            SELECT i.identifier_id, i.customer_id INTO v_identifier, r.customer_id
                FROM customer_identifiers i
                WHERE i.kind = p_identifier_kind AND i.key = identifier_key(p_identifier_kind, p_identifier_value)
                  AND i.verified_at IS NOT NULL AND i.alias_of IS NULL;
            v_known := FOUND;
        END IF;

        IF v_identifier IS NOT NULL THEN
            -- The work row is the customer's lock, taken before any row of the conversation.
            v_seq := enqueue_work(
                r.customer_id, make_interval(secs => v_config.quiet_window_ms / 1000.0),
                make_interval(secs => v_config.quiet_cap_ms / 1000.0)
            );
            -- Read anew under that lock: a merge, or its end, may have moved what was found.
            IF NOT EXISTS (
                SELECT FROM customer_identifiers i JOIN customers u ON u.customer_id = i.customer_id
                WHERE i.identifier_id = v_identifier AND i.customer_id = r.customer_id AND u.merged_into IS NULL
            ) THEN
                RAISE EXCEPTION 'the customer was merged' USING ERRCODE = 'FT001';
            END IF;
            IF v_known THEN
                v_identifier := spelled_identifier(v_identifier, p_identifier_value);
            END IF;
        END IF;

        IF v_fresh THEN
            SELECT * INTO STRICT r FROM open_conversations(
                ARRAY[1], ARRAY[r.customer_id], ARRAY[v_identifier], ARRAY[v_seq],
                ARRAY[v_channel], ARRAY[p_channel], ARRAY[p_provider_message_id], ARRAY[p_thread_key],
                ARRAY[p_identifier_kind], ARRAY[p_identifier_value], ARRAY[p_verified], ARRAY[p_name],
                ARRAY[p_subject], ARRAY[p_body], ARRAY[p_category], ARRAY[p_priority],
                ARRAY[p_request_hash], ARRAY[p_synthetic]);
            RETURN r;
        END IF;

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

-- Looks at a request of the form that was just stored: an hour's limits per address that is named and per sender. With
-- a reason, one of the form's or one found here, it waits in quarantine. Of a transaction's other requests only those
-- before it count, whose customers are older.
CREATE FUNCTION screen_request(
    p_conversation uuid, p_customer uuid, p_identifier_kind text, p_identifier_value text,
    p_reasons text[], p_per_recipient integer, p_sender bytea, p_per_sender integer
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_reasons  text[] := p_reasons;
    v_count    integer;
BEGIN
    -- No more rows are read than the limit has; the request's own is among them.
    SELECT count(*) INTO v_count FROM (
        SELECT FROM customer_identifiers i
        WHERE i.kind = p_identifier_kind AND i.key = identifier_key(p_identifier_kind, p_identifier_value)
          AND i.created_at > now() - interval '1 hour'
          AND (i.created_at <> now() OR i.customer_id <= p_customer)
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
        INSERT INTO quarantine (conversation_id, reasons) VALUES (p_conversation, v_reasons);
        UPDATE work SET due_at = 'infinity' WHERE customer_id = p_customer;
        INSERT INTO events (topic, key, payload) VALUES (
            'fte.escalations', p_conversation::text,
            jsonb_build_object('conversation_id', p_conversation, 'action', 'quarantined', 'reasons', v_reasons));
    END IF;
END $$;

-- As before, in parts.
CREATE OR REPLACE FUNCTION accept_screened(
    p_channel text, p_provider_message_id text, p_thread_key text,
    p_identifier_kind text, p_identifier_value text, p_verified boolean, p_name text,
    p_subject text, p_body text, p_category text, p_priority text,
    p_request_hash bytea, p_synthetic boolean, p_reopen interval,
    p_reasons text[], p_per_recipient integer, p_sender bytea, p_per_sender integer
) RETURNS accepted LANGUAGE plpgsql AS $$
DECLARE
    r  accepted;
BEGIN
    SELECT * INTO r FROM accept_message(
        p_channel, p_provider_message_id, p_thread_key, p_identifier_kind, p_identifier_value, p_verified, p_name,
        p_subject, p_body, p_category, p_priority, p_request_hash, p_synthetic, p_reopen);
    IF p_reasons IS NOT NULL AND NOT r.duplicate THEN
        PERFORM screen_request(
            r.conversation_id, r.customer_id, p_identifier_kind, p_identifier_value,
            p_reasons, p_per_recipient, p_sender, p_per_sender);
    END IF;
    RETURN r;
END $$;

-- Accepts messages that share a transaction; the arrays are of messages, and the answers in their order. Those that
-- nothing is stored of yet, neither the message nor its thread nor its proven sender, are stored at once, and the rest
-- one after the other, with those that the caller knows to repeat a message, thread or sender before them. p_reasons
-- has a message's reasons separated by commas, null for what is not screened. Whoever holds the lock of one customer and
-- waits for another must not wait long: somebody else may hold that one and wait for this one, and the server would end
-- either, a person's takeover too, after a second. SQLSTATE 55P03, or a twin's 23505: nothing is written; accept each
-- alone. It takes the place of accept_in_company, which stays for the version before this one: during an upgrade both
-- work on one database.
CREATE FUNCTION accept_together(
    p_channels text[], p_provider_message_ids text[], p_thread_keys text[],
    p_identifier_kinds text[], p_identifier_values text[], p_verified boolean[], p_names text[],
    p_subjects text[], p_bodies text[], p_categories text[], p_priorities text[],
    p_request_hashes bytea[], p_synthetic boolean[], p_reopen interval,
    p_reasons text[], p_per_recipient integer[], p_senders bytea[], p_per_sender integer[], p_repeats boolean[]
) RETURNS SETOF accepted LANGUAGE plpgsql SET lock_timeout = '100ms' SET plan_cache_mode = 'force_generic_plan' AS $$
DECLARE
    r          accepted;
    v_begin    integer[];
    v_place    integer;
    v_answers  accepted[] := array_fill(NULL::accepted, ARRAY[cardinality(p_channels)]);
BEGIN
    -- Before any key is taken, which another transaction may want while this one waits for the day's first ticket.
    PERFORM ticket_day_base();
    -- OFFSET 0 keeps each look-up one of an index: for a join the planner would guess how many rows all have.
    v_begin := ARRAY(
        SELECT g.place::integer
        FROM unnest(p_channels, p_provider_message_ids, p_thread_keys, p_identifier_kinds, p_identifier_values, p_verified, p_repeats)
            WITH ORDINALITY AS g (channel, provider_message_id, thread_key, kind, value, is_verified, repeats, place)
        WHERE NOT g.repeats
          AND NOT EXISTS (
              SELECT FROM messages m
              WHERE m.channel = g.channel AND m.provider_message_id = g.provider_message_id AND m.direction = 'inbound'
              OFFSET 0)
          AND NOT EXISTS (
              SELECT FROM conversations c WHERE c.channel = g.channel AND c.thread_key = g.thread_key OFFSET 0)
          AND (NOT g.is_verified OR NOT EXISTS (
              SELECT FROM customer_identifiers i
              WHERE i.kind = g.kind AND i.key = identifier_key(g.kind, g.value) AND i.verified_at IS NOT NULL
              OFFSET 0))
        ORDER BY g.place);

    IF cardinality(v_begin) > 0 THEN
        v_place := 0;
        FOR r IN SELECT * FROM open_conversations(
            v_begin, NULL, NULL, NULL, p_channels, p_channels, p_provider_message_ids, p_thread_keys,
            p_identifier_kinds, p_identifier_values, p_verified, p_names, p_subjects, p_bodies, p_categories,
            p_priorities, p_request_hashes, p_synthetic)
        LOOP
            v_place := v_place + 1;
            v_answers[v_begin[v_place]] := r;
        END LOOP;
        IF v_place <> cardinality(v_begin) THEN
            RAISE EXCEPTION 'a channel has no row in channel_configs' USING ERRCODE = 'no_data_found';
        END IF;
        FOREACH v_place IN ARRAY v_begin LOOP
            IF p_reasons[v_place] IS NOT NULL THEN
                PERFORM screen_request(
                    v_answers[v_place].conversation_id, v_answers[v_place].customer_id,
                    p_identifier_kinds[v_place], p_identifier_values[v_place], string_to_array(p_reasons[v_place], ','),
                    p_per_recipient[v_place], p_senders[v_place], p_per_sender[v_place]);
            END IF;
        END LOOP;
    END IF;

    FOR v_place IN 1 .. cardinality(p_channels) LOOP
        IF NOT v_place = ANY (v_begin) THEN
            v_answers[v_place] := accept_screened(
                p_channels[v_place], p_provider_message_ids[v_place], p_thread_keys[v_place],
                p_identifier_kinds[v_place], p_identifier_values[v_place], p_verified[v_place], p_names[v_place],
                p_subjects[v_place], p_bodies[v_place], p_categories[v_place], p_priorities[v_place],
                p_request_hashes[v_place], p_synthetic[v_place], p_reopen,
                string_to_array(p_reasons[v_place], ','), p_per_recipient[v_place], p_senders[v_place],
                p_per_sender[v_place]);
        END IF;
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(v_answers);
END $$;
