-- Mailboxes that are read, the mails themselves, and mail that no turn is to answer.

-- One row per mailbox. cursor is the provider's history id up to which every mail is stored; null before the first
-- sync. Whoever syncs holds the lease under a new fence. hinted_at is the oldest hint that no sync has begun after.
-- error and watch_error say why it is not read, or not watched, and are empty when it is.
CREATE TABLE mailboxes (
    mailbox           text PRIMARY KEY CHECK (mailbox <> '' AND mailbox = lower(mailbox)),
    mode              text NOT NULL CHECK (mode IN ('live', 'offline', 'needs_reauth')),
    cursor            numeric(20) CHECK (cursor >= 0),
    connected_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    hinted_at         timestamptz,
    due_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    fence             bigint NOT NULL DEFAULT 0,
    lease_until       timestamptz,
    synced_at         timestamptz,
    failures          integer NOT NULL DEFAULT 0,
    not_before        timestamptz,
    error             text NOT NULL DEFAULT '',
    error_at          timestamptz,
    watch_error       text NOT NULL DEFAULT '',
    watched_at        timestamptz,
    watch_expires_at  timestamptz
);

-- Every mail that was seen or is to be sent. provider_key is '<mailbox>/<the provider's id>', which for a customer's
-- mail is the provider id of its message too; null until an outbound mail was sent. message_id is what the mail's own
-- header says, angle brackets included; rewritten_id what the provider made of it; thread_index Outlook's own thread.
-- root_id is the first mail of those that refer to each other, whoever wrote them. raw is kept for what was found.
-- outbox_id and conversation_id are those of a reply; a customer's mail has them by its message.
CREATE TABLE mails (
    mail_id           uuid PRIMARY KEY DEFAULT uuidv7(),
    mailbox           text NOT NULL,
    direction         text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    provider_key      text UNIQUE,
    provider_thread   text NOT NULL DEFAULT '',
    message_id        text NOT NULL DEFAULT '',
    rewritten_id      text NOT NULL DEFAULT '',
    reference_ids     text[] NOT NULL DEFAULT '{}',
    root_id           uuid NOT NULL,
    subject           text NOT NULL DEFAULT '',
    thread_index      text NOT NULL DEFAULT '',
    outbox_id         uuid UNIQUE REFERENCES outbox,
    conversation_id   uuid REFERENCES conversations,
    bounced_outbox_id uuid REFERENCES outbox,
    fate              text CHECK (fate IN ('message', 'suppressed', 'bounce', 'sent', 'person', 'ignored')),
    reason            text NOT NULL DEFAULT '',
    raw               bytea,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    handled_at        timestamptz,
    CHECK ((fate IS NULL) = (handled_at IS NULL)),
    CHECK (direction = 'outbound' OR provider_key IS NOT NULL),
    CHECK ((outbox_id IS NULL) = (conversation_id IS NULL))
);
CREATE INDEX mails_message_id ON mails (message_id) WHERE message_id <> '';
CREATE INDEX mails_rewritten_id ON mails (rewritten_id) WHERE rewritten_id <> '';
CREATE INDEX mails_provider_thread ON mails (provider_thread) WHERE provider_thread <> '';
CREATE INDEX mails_root ON mails (root_id);
CREATE INDEX mails_conversation ON mails (conversation_id, created_at) WHERE conversation_id IS NOT NULL;

-- Accepts what no turn is to answer: the message is stored with its end at once, under fence 0, since no turn wrote it.
-- It brings no conversation back to life; one that it begins is closed. A form's conversation goes on by mail, too.
-- With p_for_people its conversation goes to people, and this is what they read. SQLSTATE FT001 as for accept_message.
CREATE FUNCTION accept_suppressed(
    p_channel text, p_provider_message_id text, p_thread_key text,
    p_identifier_kind text, p_identifier_value text, p_verified boolean, p_name text,
    p_subject text, p_body text, p_reason text, p_for_people text
) RETURNS accepted LANGUAGE plpgsql AS $$
DECLARE
    r          accepted;
    v_seq      bigint;
    v_outcome  uuid;
    v_state    text;
    v_begun    boolean;
BEGIN
    PERFORM FROM messages m
        WHERE m.channel = p_channel AND m.provider_message_id = p_provider_message_id AND m.direction = 'inbound';
    IF FOUND THEN
        RETURN accept_message(
            p_channel, p_provider_message_id, p_thread_key, p_identifier_kind, p_identifier_value, p_verified, p_name,
            p_subject, p_body, NULL, NULL, NULL, false, interval '0');
    END IF;

    SELECT c.customer_id, c.conversation_id, t.ticket_id INTO r.customer_id, r.conversation_id, r.ticket_id
        FROM conversations c JOIN tickets t ON t.conversation_id = c.conversation_id
        WHERE c.thread_key = p_thread_key
          AND c.channel = ANY (CASE p_channel WHEN 'email' THEN '{email,web_form}' ELSE ARRAY[p_channel] END)
        ORDER BY c.created_at DESC LIMIT 1;
    v_begun := NOT FOUND;
    IF v_begun THEN
        SELECT * INTO r FROM accept_message(
            p_channel, p_provider_message_id, p_thread_key, p_identifier_kind, p_identifier_value, p_verified, p_name,
            p_subject, p_body, NULL, NULL, NULL, false, interval '0');
        SELECT state INTO v_state FROM conversations WHERE conversation_id = r.conversation_id;
    ELSE
        -- The work row is the customer's lock, taken before any row of the conversation.
        INSERT INTO work AS w (customer_id, seq) VALUES (r.customer_id, 1)
            ON CONFLICT (customer_id) DO UPDATE SET seq = w.seq + 1
            RETURNING seq INTO v_seq;
        SELECT state INTO v_state FROM conversations c
            WHERE c.conversation_id = r.conversation_id AND c.customer_id = r.customer_id FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the conversation moved' USING ERRCODE = 'FT001';
        END IF;
    END IF;

    INSERT INTO outcomes (conversation_id, kind, reason, fence)
        VALUES (r.conversation_id, 'suppressed', p_reason, 0) RETURNING outcome_id INTO v_outcome;
    IF v_begun THEN
        UPDATE messages SET outcome_id = v_outcome WHERE message_id = r.message_id;
        UPDATE work SET due_at = NULL, burst_began_at = NULL
            WHERE customer_id = r.customer_id AND NOT EXISTS (
                SELECT FROM messages m
                WHERE m.customer_id = r.customer_id AND m.direction = 'inbound' AND m.outcome_id IS NULL);
        IF p_for_people IS NULL THEN
            UPDATE conversations SET state = 'resolved', resolved_at = clock_timestamp()
                WHERE conversation_id = r.conversation_id;
            UPDATE tickets SET status = 'closed', updated_at = clock_timestamp()
                WHERE conversation_id = r.conversation_id;
        END IF;
    ELSE
        INSERT INTO messages (conversation_id, customer_id, channel, direction, author, provider_message_id, body, seq, outcome_id)
            VALUES (r.conversation_id, r.customer_id, p_channel, 'inbound', 'customer', p_provider_message_id, p_body, v_seq, v_outcome)
            RETURNING messages.message_id INTO r.message_id;
        INSERT INTO events (topic, key, payload) VALUES (
            'fte.channels.' || CASE p_channel WHEN 'web_form' THEN 'webform' ELSE p_channel END || '.inbound',
            r.conversation_id::text,
            jsonb_build_object('message_id', r.message_id, 'conversation_id', r.conversation_id, 'channel', p_channel));
    END IF;
    IF p_for_people IS NOT NULL AND v_state <> 'escalated' THEN
        PERFORM escalate_to_people(r.conversation_id, 'policy_restriction', 'technical', 'P3', p_for_people);
    END IF;

    SELECT t.status INTO r.ticket_status FROM tickets t WHERE t.conversation_id = r.conversation_id;
    r.expected_response_minutes := coalesce(r.expected_response_minutes, 0);
    r.duplicate := false;
    r.same_request := true;
    RETURN r;
END $$;
