-- One customer across channels: identifiers found by a normalised key, linked on evidence, merged and taken apart
-- again; and answers of the form that also go by mail, once the address is confirmed.

-- The form under which an identifier is found; what was written is kept for sending. Letters' case never tells two
-- mailboxes apart in practice. Gmail reads neither dots nor what follows a plus sign (support.google.com/mail/answer/7436150);
-- elsewhere both may, so they count. Phones are E.164; whatever else a channel sends is its own to compare.
CREATE FUNCTION identifier_key(p_kind text, p_value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_kind = 'email' AND lower(btrim(p_value)) ~ '^[^@+]*[^@+.][^@+]*(\+[^@]*)?@(gmail|googlemail)\.com$'
            THEN replace(regexp_replace(lower(btrim(p_value)), '[+@].*$', ''), '.', '') || '@gmail.com'
        WHEN p_kind = 'email' THEN lower(btrim(p_value))
        WHEN p_kind = 'phone' AND p_value ~ '^ *(\+|00)?[0-9][0-9 ().-]*$'
            THEN '+' || regexp_replace(regexp_replace(p_value, '\D', '', 'g'), '^00', '')
        ELSE btrim(p_value)
    END
$$;

-- claimed: it was typed into a form, so that only a link proves it. alias_of: another spelling of a verified
-- identifier, or a claim that was proved to be it; both belong to one customer.
ALTER TABLE customer_identifiers
    ADD COLUMN key text GENERATED ALWAYS AS (identifier_key(kind, value)) STORED,
    ADD COLUMN claimed boolean NOT NULL DEFAULT false,
    ADD COLUMN alias_of uuid REFERENCES customer_identifiers,
    ADD CONSTRAINT customer_identifiers_alias_verified CHECK (alias_of IS NULL OR verified_at IS NOT NULL);
UPDATE customer_identifiers SET claimed = true WHERE verified_at IS NULL;
CREATE INDEX customer_identifiers_alias ON customer_identifiers (alias_of) WHERE alias_of IS NOT NULL;
DROP INDEX customer_identifiers_value;
CREATE INDEX customer_identifiers_key ON customer_identifiers (kind, key, created_at);
DROP INDEX customer_identifiers_verified_key;

ALTER TABLE customer_merges ADD COLUMN undone_by text;
CREATE INDEX customer_merges_source ON customer_merges (source_id);
CREATE INDEX customer_merges_target ON customer_merges (target_id);

-- Moves all that is the source's to the target; conversations keep their identifiers. Fences first, in one order, so
-- that two merges cannot wait for each other and a running turn of either loses. SQLSTATE FT002: one of them was
-- merged away already; FT003: there is no such customer.
CREATE FUNCTION merge_customers(p_source uuid, p_target uuid, p_evidence text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_merge  uuid;
    v_base   bigint;
BEGIN
    IF p_source = p_target THEN
        RAISE EXCEPTION 'a customer cannot be merged into itself' USING ERRCODE = 'FT002';
    END IF;
    IF (SELECT count(*) FROM customers WHERE customer_id IN (p_source, p_target)) < 2 THEN
        RAISE EXCEPTION 'no such customer' USING ERRCODE = 'FT003';
    END IF;
    PERFORM raise_fence(least(p_source, p_target));
    PERFORM raise_fence(greatest(p_source, p_target));
    IF EXISTS (SELECT FROM customers WHERE customer_id IN (p_source, p_target) AND merged_into IS NOT NULL) THEN
        RAISE EXCEPTION 'one of the customers was merged already' USING ERRCODE = 'FT002';
    END IF;

    INSERT INTO customer_merges (source_id, target_id, evidence, identifier_ids, conversation_ids)
        VALUES (p_source, p_target, p_evidence,
                ARRAY(SELECT identifier_id FROM customer_identifiers WHERE customer_id = p_source),
                ARRAY(SELECT conversation_id FROM conversations WHERE customer_id = p_source))
        RETURNING merge_id INTO v_merge;
    -- Conversations before anything else of them: whoever else locks one locks it before its ticket.
    UPDATE conversations SET customer_id = p_target WHERE customer_id = p_source;
    SELECT seq INTO STRICT v_base FROM work WHERE customer_id = p_target;
    UPDATE messages m SET customer_id = p_target, seq = CASE WHEN n.seq IS NULL THEN NULL ELSE v_base + n.place END
        FROM (SELECT message_id, seq, row_number() OVER (ORDER BY seq) AS place FROM messages WHERE customer_id = p_source) n
        WHERE m.message_id = n.message_id;
    UPDATE customer_identifiers SET customer_id = p_target WHERE customer_id = p_source;
    UPDATE tickets SET customer_id = p_target WHERE customer_id = p_source;
    UPDATE customers SET merged_into = p_target WHERE customer_id = p_source;
    PERFORM count_queued(p_source);
    PERFORM count_queued(p_target);
    INSERT INTO events (topic, key, payload) VALUES (
        'fte.metrics', p_target::text,
        jsonb_build_object('customer_id', p_target, 'action', 'merged', 'merge_id', v_merge, 'source_id', p_source));
    RETURN v_merge;
END $$;

-- Brings a customer's work row in line with its messages after some came or went: what is queued is due at once. Its
-- caller holds the row.
CREATE FUNCTION count_queued(p_customer uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE work SET
        seq = greatest(work.seq, q.last_seq),
        due_at = CASE WHEN q.first_at IS NOT NULL THEN clock_timestamp() END,
        burst_began_at = q.first_at
    FROM (
        SELECT max(m.seq) AS last_seq,
               min(m.created_at) FILTER (WHERE m.direction = 'inbound' AND m.outcome_id IS NULL) AS first_at
        FROM messages m WHERE m.customer_id = p_customer
    ) q
    WHERE work.customer_id = p_customer
$$;

-- Gives the source of a merge back what was its own, with all that came since over its identifiers. What the link
-- that led to the merge had proved is a claim again. SQLSTATE FT002: it was undone already, or rests under a later
-- merge, which is to be undone first; FT003: there is no such merge.
CREATE FUNCTION undo_merge(p_merge uuid, p_operator text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g         customer_merges;
    v_moving  uuid[];
    v_later   uuid;
    v_base    bigint;
BEGIN
    SELECT * INTO g FROM customer_merges WHERE merge_id = p_merge;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such merge' USING ERRCODE = 'FT003';
    END IF;
    PERFORM raise_fence(least(g.source_id, g.target_id));
    PERFORM raise_fence(greatest(g.source_id, g.target_id));
    SELECT * INTO STRICT g FROM customer_merges WHERE merge_id = p_merge FOR UPDATE;
    IF g.undone_at IS NOT NULL THEN
        RAISE EXCEPTION 'the merge was undone already' USING ERRCODE = 'FT002';
    END IF;
    SELECT merge_id INTO v_later FROM customer_merges WHERE source_id = g.target_id AND undone_at IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'the customer was merged once more since; undo merge % first', v_later USING ERRCODE = 'FT002';
    END IF;

    -- Another spelling that somebody wrote from meanwhile goes with the address that it is; a claim that a link proved
    -- meanwhile stays where its form is, and is a claim again.
    v_moving := ARRAY(
        SELECT identifier_id FROM customer_identifiers
        WHERE customer_id = g.target_id
          AND (identifier_id = ANY (g.identifier_ids) OR (alias_of = ANY (g.identifier_ids) AND NOT claimed)));
    UPDATE conversations SET customer_id = g.source_id WHERE customer_id = g.target_id AND identifier_id = ANY (v_moving);
    SELECT seq INTO STRICT v_base FROM work WHERE customer_id = g.source_id;
    UPDATE messages m SET customer_id = g.source_id, seq = CASE WHEN n.seq IS NULL THEN NULL ELSE v_base + n.place END
        FROM (
            SELECT x.message_id, x.seq, row_number() OVER (ORDER BY x.seq) AS place
            FROM messages x JOIN conversations c ON c.conversation_id = x.conversation_id
            WHERE x.customer_id = g.target_id AND c.customer_id = g.source_id
        ) n
        WHERE m.message_id = n.message_id;
    UPDATE tickets t SET customer_id = g.source_id FROM conversations c
        WHERE c.conversation_id = t.conversation_id AND t.customer_id = g.target_id AND c.customer_id = g.source_id;
    UPDATE confirmations SET state = 'revoked', ended_at = clock_timestamp()
        WHERE state = 'confirmed' AND identifier_id IN (
            SELECT i.identifier_id FROM customer_identifiers i
            WHERE i.customer_id = g.target_id AND i.alias_of IS NOT NULL
              AND (i.identifier_id = ANY (v_moving)) <> (i.alias_of = ANY (v_moving)));
    UPDATE customer_identifiers i SET
        customer_id = CASE WHEN i.identifier_id = ANY (v_moving) THEN g.source_id ELSE i.customer_id END,
        alias_of = CASE WHEN (i.identifier_id = ANY (v_moving)) = (i.alias_of = ANY (v_moving)) THEN i.alias_of END,
        verified_at = CASE WHEN (i.identifier_id = ANY (v_moving)) <> (i.alias_of = ANY (v_moving)) THEN NULL ELSE i.verified_at END
        WHERE i.customer_id = g.target_id AND (i.identifier_id = ANY (v_moving) OR i.alias_of = ANY (v_moving));
    UPDATE customers SET merged_into = NULL WHERE customer_id = g.source_id;
    UPDATE customer_merges SET undone_at = clock_timestamp(), undone_by = p_operator WHERE merge_id = p_merge;
    PERFORM count_queued(g.source_id);
    PERFORM count_queued(g.target_id);
    INSERT INTO events (topic, key, payload) VALUES (
        'fte.metrics', g.source_id::text,
        jsonb_build_object('customer_id', g.source_id, 'action', 'unmerged', 'merge_id', p_merge,
                           'target_id', g.target_id, 'operator', p_operator));
END $$;

-- Who was stored under several spellings of one verified address is one customer: the first one stays. An address of
-- somebody who was merged meanwhile is looked for anew each time.
DO $$
DECLARE
    d        record;
    v_first  customer_identifiers;
    v_own    uuid;
BEGIN
    FOR d IN
        SELECT identifier_id, kind, key FROM (
            SELECT identifier_id, kind, key, row_number() OVER (PARTITION BY kind, key ORDER BY identifier_id) AS place
            FROM customer_identifiers WHERE verified_at IS NOT NULL
        ) spelled WHERE place > 1 ORDER BY identifier_id
    LOOP
        SELECT * INTO STRICT v_first FROM customer_identifiers
            WHERE kind = d.kind AND key = d.key AND verified_at IS NOT NULL ORDER BY identifier_id LIMIT 1;
        SELECT customer_id INTO STRICT v_own FROM customer_identifiers WHERE identifier_id = d.identifier_id;
        IF v_own <> v_first.customer_id THEN
            PERFORM merge_customers(v_own, v_first.customer_id, 'one address in several spellings');
        END IF;
        UPDATE customer_identifiers SET alias_of = v_first.identifier_id WHERE identifier_id = d.identifier_id;
    END LOOP;
END $$;
-- A verified address is one customer's.
CREATE UNIQUE INDEX customer_identifiers_verified_key ON customer_identifiers (kind, key)
    WHERE verified_at IS NOT NULL AND alias_of IS NULL;

-- The identifier under which a conversation with a verified sender is held: of the same spelling where there is one,
-- so that a reply goes to what was written. Its caller holds the customer's work row.
CREATE FUNCTION spelled_identifier(p_first uuid, p_value text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_first    customer_identifiers;
    v_spelled  uuid;
BEGIN
    SELECT * INTO STRICT v_first FROM customer_identifiers WHERE identifier_id = p_first;
    IF lower(v_first.value) = lower(p_value) THEN
        RETURN p_first;
    END IF;
    SELECT identifier_id INTO v_spelled FROM customer_identifiers
        WHERE alias_of = p_first AND NOT claimed AND lower(value) = lower(p_value)
        ORDER BY identifier_id LIMIT 1;
    IF v_spelled IS NULL THEN
        INSERT INTO customer_identifiers (customer_id, kind, value, verified_at, alias_of)
            VALUES (v_first.customer_id, v_first.kind, p_value, now(), p_first)
            RETURNING identifier_id INTO v_spelled;
    END IF;
    RETURN v_spelled;
END $$;

-- As before, but identifiers are found by their key, and a mail that goes on from a form's conversation joins it: its
-- sender has proved the address that the conversation is held with, and so had whoever confirmed it.
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
        IF v_fresh AND v_identifier IS NULL THEN
            INSERT INTO customers (name) VALUES (p_name) RETURNING customers.customer_id INTO r.customer_id;
            INSERT INTO customer_identifiers (customer_id, kind, value, verified_at, claimed)
                VALUES (r.customer_id, p_identifier_kind, p_identifier_value,
                        CASE WHEN p_verified THEN now() END, NOT p_verified)
                RETURNING identifier_id INTO v_identifier;
        END IF;

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

        IF v_fresh THEN
            INSERT INTO conversations (customer_id, identifier_id, channel, thread_key)
                VALUES (r.customer_id, v_identifier, v_channel, p_thread_key)
                RETURNING conversations.conversation_id INTO r.conversation_id;
            INSERT INTO tickets (conversation_id, customer_id, category, priority, subject)
                VALUES (r.conversation_id, r.customer_id, coalesce(p_category, 'general'), coalesce(p_priority, 'medium'), p_subject)
                RETURNING tickets.ticket_id INTO r.ticket_id;
            INSERT INTO events (topic, key, payload) VALUES (
                'fte.tickets.incoming', r.ticket_id,
                jsonb_build_object('ticket_id', r.ticket_id, 'conversation_id', r.conversation_id, 'channel', v_channel));
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

-- As before, but spellings of one address count together.
CREATE OR REPLACE FUNCTION accept_screened(
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
        WHERE i.kind = p_identifier_kind AND i.key = identifier_key(p_identifier_kind, p_identifier_value)
          AND i.created_at > now() - interval '1 hour'
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

-- The address that a form names is asked to confirm itself, once for each claim; key is the identifier's. limited: too
-- many were asked of that address lately, so nothing was sent; revoked: a merge that it led to was undone.
CREATE TABLE confirmations (
    confirmation_id  uuid PRIMARY KEY DEFAULT uuidv7(),
    identifier_id    uuid NOT NULL UNIQUE REFERENCES customer_identifiers,
    conversation_id  uuid NOT NULL REFERENCES conversations,
    key              text NOT NULL,
    state            text NOT NULL CHECK (state IN ('asked', 'limited', 'confirmed', 'declined', 'revoked')),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at         timestamptz,
    CHECK ((state IN ('confirmed', 'declined', 'revoked')) = (ended_at IS NOT NULL))
);
CREATE INDEX confirmations_conversation ON confirmations (conversation_id);
CREATE INDEX confirmations_key ON confirmations (key, created_at) WHERE state <> 'limited';

-- What leaves by mail beside a form's conversation: a copy of what its page shows, once the address is confirmed, and
-- the request to confirm it. Neither is a message of the conversation.
ALTER TABLE outbox
    ALTER COLUMN message_id DROP NOT NULL,
    ADD COLUMN kind text NOT NULL DEFAULT 'message' CHECK (kind IN ('message', 'copy', 'confirmation')),
    ADD COLUMN copy_of uuid UNIQUE REFERENCES outbox,
    ADD COLUMN confirmation_id uuid UNIQUE REFERENCES confirmations,
    ADD CONSTRAINT outbox_kind_message CHECK ((kind = 'message') = (message_id IS NOT NULL)),
    ADD CONSTRAINT outbox_kind_copy CHECK ((kind = 'copy') = (copy_of IS NOT NULL)),
    ADD CONSTRAINT outbox_kind_confirmation CHECK ((kind = 'confirmation') = (confirmation_id IS NOT NULL));

-- Whether answers of this channel also go by mail; the courier says so when it starts, since it alone sends.
ALTER TABLE channel_configs ADD COLUMN also_by_mail boolean NOT NULL DEFAULT false;

-- With each outbound message of a form: a copy by mail where its address is confirmed, and else, once, the request to
-- confirm it. So nobody is asked before there is an answer, and what waits in quarantine asks nobody. What a person
-- has sent by other means, which is stored as sent, needs no copy.
CREATE FUNCTION write_by_mail() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_identifier    customer_identifiers;
    v_confirmation  uuid;
BEGIN
    SELECT i.* INTO v_identifier
        FROM conversations c
        JOIN channel_configs g ON g.channel = c.channel AND g.also_by_mail
        JOIN customer_identifiers i ON i.identifier_id = c.identifier_id AND i.kind = 'email'
        JOIN messages m ON m.message_id = NEW.message_id AND NOT m.synthetic
        WHERE c.conversation_id = NEW.conversation_id AND c.channel <> 'email';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v_identifier.verified_at IS NOT NULL THEN
        INSERT INTO outbox (conversation_id, kind, copy_of, author, owner_epoch, send_token)
            VALUES (NEW.conversation_id, 'copy', NEW.outbox_id, NEW.author, NEW.owner_epoch, mail_token());
    ELSE
        v_confirmation := ask_to_confirm(v_identifier, NEW.conversation_id);
        IF v_confirmation IS NOT NULL THEN
            INSERT INTO outbox (conversation_id, kind, confirmation_id, author, owner_epoch, send_token)
                VALUES (NEW.conversation_id, 'confirmation', v_confirmation, 'fte', NEW.owner_epoch, mail_token());
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION mail_token() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT replace(gen_random_uuid()::text, '-', '')
$$;

-- Who floods a form with somebody's address must not flood their mailbox: three requests an hour and ten a day go to
-- one address in whatever spelling, and none for thirty days after its owner said that somebody else wrote. Those who
-- ask for one address take turns, so that the limits hold. Null when nothing is to be sent.
CREATE FUNCTION ask_to_confirm(p_identifier customer_identifiers, p_conversation uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_confirmation  uuid;
    v_within_limits boolean;
BEGIN
    IF EXISTS (SELECT FROM confirmations WHERE identifier_id = p_identifier.identifier_id) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(p_identifier.key, 13));
    SELECT count(*) FILTER (WHERE created_at > now() - interval '1 hour') < 3
           AND count(*) FILTER (WHERE created_at > now() - interval '1 day') < 10
           AND count(*) FILTER (WHERE state = 'declined') = 0
        INTO v_within_limits
        FROM confirmations
        WHERE key = p_identifier.key AND state <> 'limited' AND created_at > now() - interval '30 days';
    INSERT INTO confirmations (identifier_id, conversation_id, key, state)
        VALUES (p_identifier.identifier_id, p_conversation, p_identifier.key,
                CASE WHEN v_within_limits THEN 'asked' ELSE 'limited' END)
        ON CONFLICT (identifier_id) DO NOTHING
        RETURNING confirmation_id INTO v_confirmation;
    RETURN CASE WHEN v_within_limits THEN v_confirmation END;
END $$;
CREATE TRIGGER outbox_by_mail AFTER INSERT ON outbox FOR EACH ROW WHEN (NEW.kind = 'message' AND NEW.state = 'pending')
    EXECUTE FUNCTION write_by_mail();

-- The link was opened and its button pressed: the claim is proved. Whoever has proved the same address before is the
-- same customer, and the form's becomes theirs. 'confirmed', 'repeated', or why not: 'unknown', 'declined', 'revoked'.
-- SQLSTATE FT001: somebody merged one of them meanwhile; run it again.
CREATE FUNCTION confirm_identifier(p_confirmation uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_asked   confirmations;
    v_claim   customer_identifiers;
    v_holder  customer_identifiers;
    v_again   customer_identifiers;
BEGIN
    SELECT * INTO v_asked FROM confirmations WHERE confirmation_id = p_confirmation;
    IF NOT FOUND OR v_asked.state = 'limited' THEN
        RETURN 'unknown';
    ELSIF v_asked.state <> 'asked' THEN
        RETURN CASE v_asked.state WHEN 'confirmed' THEN 'repeated' ELSE v_asked.state END;
    END IF;
    SELECT * INTO STRICT v_claim FROM customer_identifiers WHERE identifier_id = v_asked.identifier_id;
    SELECT * INTO v_holder FROM customer_identifiers
        WHERE kind = v_claim.kind AND key = v_claim.key AND verified_at IS NOT NULL AND alias_of IS NULL;

    -- The locks first, in one order; what was read before them is read again.
    PERFORM raise_fence(least(v_claim.customer_id, v_holder.customer_id));
    IF v_holder.customer_id <> v_claim.customer_id THEN
        PERFORM raise_fence(greatest(v_claim.customer_id, v_holder.customer_id));
    END IF;
    SELECT * INTO STRICT v_again FROM customer_identifiers WHERE identifier_id = v_claim.identifier_id;
    IF v_again.customer_id <> v_claim.customer_id OR v_again.verified_at IS NOT NULL OR EXISTS (
        SELECT FROM customers WHERE customer_id IN (v_claim.customer_id, v_holder.customer_id) AND merged_into IS NOT NULL
    ) OR (v_holder.identifier_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM customer_identifiers
        WHERE identifier_id = v_holder.identifier_id AND customer_id = v_holder.customer_id
          AND verified_at IS NOT NULL AND alias_of IS NULL
    )) THEN
        RAISE EXCEPTION 'the customer was merged' USING ERRCODE = 'FT001';
    END IF;
    IF v_holder.customer_id <> v_claim.customer_id THEN
        PERFORM merge_customers(v_claim.customer_id, v_holder.customer_id, 'the link in the mail was opened');
    END IF;
    UPDATE customer_identifiers SET verified_at = clock_timestamp(), alias_of = v_holder.identifier_id
        WHERE identifier_id = v_claim.identifier_id;
    UPDATE confirmations SET state = 'confirmed', ended_at = clock_timestamp()
        WHERE confirmation_id = p_confirmation AND state = 'asked';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the answer was given meanwhile' USING ERRCODE = 'FT001';
    END IF;
    INSERT INTO events (topic, key, payload) VALUES (
        'fte.metrics', v_asked.conversation_id::text,
        jsonb_build_object('conversation_id', v_asked.conversation_id, 'action', 'confirmed'));
    RETURN 'confirmed';
END $$;

-- Whoever got the mail says that it was not them who wrote. 'declined', 'repeated', or 'unknown' and what it was
-- before: 'confirmed', 'revoked'.
CREATE FUNCTION decline_identifier(p_confirmation uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_state  text;
    v_conversation  uuid;
BEGIN
    UPDATE confirmations SET state = 'declined', ended_at = clock_timestamp()
        WHERE confirmation_id = p_confirmation AND state = 'asked'
        RETURNING conversation_id INTO v_conversation;
    IF FOUND THEN
        INSERT INTO events (topic, key, payload) VALUES (
            'fte.metrics', v_conversation::text,
            jsonb_build_object('conversation_id', v_conversation, 'action', 'declined'));
        RETURN 'declined';
    END IF;
    SELECT state INTO v_state FROM confirmations WHERE confirmation_id = p_confirmation;
    RETURN CASE WHEN v_state = 'declined' THEN 'repeated' WHEN v_state IN ('confirmed', 'revoked') THEN v_state ELSE 'unknown' END;
END $$;
