-- Service rules: how soon people answer and when they are there, reminders, the end of quiet conversations, and how
-- sure it is that a resolved one is solved.

ALTER TABLE customers ADD CONSTRAINT customers_plan CHECK (plan IN ('free', 'pro', 'business', 'enterprise'));

-- agent.service.rules.ServiceRules says what each may hold; nothing else writes them. person_response is as
-- expected_response, in business time; reminder_minutes are too, by severity.
ALTER TABLE channel_configs
    ADD COLUMN person_response jsonb NOT NULL DEFAULT
        '{"*": {"low": 960, "medium": 480, "high": 240, "urgent": 60},
          "business": {"low": 480, "medium": 240, "high": 120, "urgent": 30},
          "enterprise": {"low": 480, "medium": 240, "high": 60, "urgent": 15}}',
    ADD COLUMN business_hours jsonb NOT NULL DEFAULT
        '{"time_zone": "UTC", "holidays": [],
          "weekly": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"], "wed": ["09:00-17:00"], "thu": ["09:00-17:00"],
                     "fri": ["09:00-17:00"]}}',
    ADD COLUMN reminder_minutes jsonb NOT NULL DEFAULT '{"P1": 15, "P2": 60, "P3": 240}',
    ADD COLUMN reminders_max integer NOT NULL DEFAULT 10 CHECK (reminders_max >= 0),
    ADD COLUMN close_after_hours integer NOT NULL DEFAULT 48 CHECK (close_after_hours > 0),
    ADD COLUMN unhappy_below double precision NOT NULL DEFAULT -0.3 CHECK (unhappy_below BETWEEN -1 AND 1),
    ADD COLUMN survey boolean NOT NULL DEFAULT false,
    ADD COLUMN updated_by text;
-- A customer is asked on the page of the request, which only the form has.
UPDATE channel_configs SET survey = true WHERE channel = 'web_form';

-- How often an escalation that nobody takes was raised again; raised_again_at is the last time.
ALTER TABLE escalations ADD COLUMN reminders integer NOT NULL DEFAULT 0 CHECK (reminders >= 0);

-- When we last said something in a conversation: a person, or the FTE in answer. That a person will look at it says
-- nothing. Null when we never did.
CREATE FUNCTION last_word_at(p_conversation uuid) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT max(m.created_at) FROM messages m
    LEFT JOIN outbox b ON b.message_id = m.message_id
    LEFT JOIN outcomes o ON o.outcome_id = b.outcome_id
    WHERE m.conversation_id = p_conversation AND m.direction = 'outbound' AND (m.author = 'person' OR o.kind = 'reply')
$$;

-- Since when the last word is ours, null while it is the customer's. Accept does not touch it: what is queued tells.
ALTER TABLE conversations ADD COLUMN answered_at timestamptz;
CREATE INDEX conversations_answered ON conversations (channel, answered_at) WHERE state = 'open' AND answered_at IS NOT NULL;
UPDATE conversations SET answered_at = last_word_at(conversation_id)
WHERE state = 'open' AND last_word_at(conversation_id) > last_message_at;

-- One row per end of a conversation that was to be solved; what is discarded as spam has none. It stands until the
-- conversation is reopened. solved and comment are the customer's answer when asked.
CREATE TABLE resolutions (
    resolution_id    uuid PRIMARY KEY DEFAULT uuidv7(),
    conversation_id  uuid NOT NULL REFERENCES conversations,
    kind             text NOT NULL CHECK (kind IN ('assumed', 'confirmed')),
    resolved_by      text NOT NULL CHECK (resolved_by <> ''),
    resolved_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at     timestamptz,
    reopened_at      timestamptz,
    solved           boolean,
    comment          text NOT NULL DEFAULT '' CHECK (length(comment) <= 1000),
    surveyed_at      timestamptz,
    CHECK ((kind = 'confirmed') = (confirmed_at IS NOT NULL)),
    CHECK ((solved IS NULL) = (surveyed_at IS NULL))
);
CREATE UNIQUE INDEX resolutions_standing_key ON resolutions (conversation_id) WHERE reopened_at IS NULL;
CREATE INDEX resolutions_conversation ON resolutions (conversation_id, resolved_at DESC);
-- What was resolved before this was counted.
INSERT INTO resolutions (conversation_id, kind, resolved_by, resolved_at)
SELECT c.conversation_id, 'assumed', coalesce(e.closed_by, 'a person'), c.resolved_at
FROM conversations c
JOIN tickets t ON t.conversation_id = c.conversation_id AND t.status = 'resolved'
LEFT JOIN LATERAL (
    SELECT closed_by FROM escalations WHERE escalations.conversation_id = c.conversation_id AND status = 'resolved'
    ORDER BY closed_at DESC LIMIT 1
) e ON true
WHERE c.state = 'resolved';

-- Whatever brings a resolved conversation back, its end did not hold.
CREATE FUNCTION record_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE resolutions SET reopened_at = clock_timestamp()
        WHERE conversation_id = NEW.conversation_id AND reopened_at IS NULL;
    IF FOUND THEN
        PERFORM record_resolution_event(NEW.conversation_id, 'reopened');
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION record_resolution_event(p_conversation uuid, p_what text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO events (topic, key, payload) VALUES (
        'fte.metrics', p_conversation::text,
        jsonb_build_object('conversation_id', p_conversation, 'resolution', p_what))
$$;
CREATE TRIGGER conversations_reopened AFTER UPDATE OF state ON conversations FOR EACH ROW
    WHEN (OLD.state = 'resolved' AND NEW.state <> 'resolved')
    EXECUTE FUNCTION record_reopening();

-- The customer says that it is solved. Thanks that follow an end reopened nothing: that end stands, confirmed.
CREATE FUNCTION confirm_resolution(p_conversation uuid, p_message_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE resolutions r SET kind = 'confirmed', confirmed_at = clock_timestamp(), reopened_at = NULL
        WHERE r.resolution_id = (
            SELECT l.resolution_id FROM resolutions l WHERE l.conversation_id = p_conversation
            ORDER BY l.resolved_at DESC LIMIT 1
        ) AND r.reopened_at IS NOT NULL AND r.solved IS DISTINCT FROM false AND NOT EXISTS (
            SELECT FROM messages m
            WHERE m.conversation_id = p_conversation AND m.created_at >= r.reopened_at
              AND m.direction = 'inbound' AND m.message_id <> ALL (p_message_ids));
    IF NOT FOUND THEN
        INSERT INTO resolutions (conversation_id, kind, resolved_by, confirmed_at)
            VALUES (p_conversation, 'confirmed', 'the customer', clock_timestamp());
    END IF;
    PERFORM record_resolution_event(p_conversation, 'confirmed');
END $$;

-- Ends an open conversation that has been quiet since p_before, after our last word. Where the customer's last one was
-- upset, silence is no consent: a person looks instead. Locks first and looks then; whoever holds a lock is about to
-- change what this would see, so it waits for nobody. 'resolved', 'escalated', 'busy' or 'not_quiet'.
CREATE FUNCTION close_quiet(p_conversation uuid, p_before timestamptz, p_unhappy_below double precision) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_customer      uuid;
    v_conversation  conversations;
    v_last          messages;
    v_sentiment     real;
BEGIN
    SELECT customer_id INTO v_customer FROM conversations WHERE conversation_id = p_conversation;
    PERFORM FROM work WHERE customer_id = v_customer FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 'busy';
    END IF;
    SELECT * INTO v_conversation FROM conversations
        WHERE conversation_id = p_conversation AND customer_id = v_customer FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 'busy';
    END IF;
    IF v_conversation.state <> 'open' OR v_conversation.answered_at IS NULL OR v_conversation.answered_at > p_before
       OR EXISTS (
        SELECT FROM messages m
        WHERE m.conversation_id = p_conversation AND m.direction = 'inbound' AND m.outcome_id IS NULL
    ) OR EXISTS (
        SELECT FROM outbox o WHERE o.conversation_id = p_conversation AND o.state IN ('pending', 'sending', 'unknown')
    ) THEN
        RETURN 'not_quiet';
    END IF;

    -- What was said before a person answered was theirs to judge.
    SELECT * INTO v_last FROM messages m WHERE m.conversation_id = p_conversation AND m.direction = 'inbound'
        ORDER BY m.seq DESC LIMIT 1;
    SELECT min(m.sentiment) INTO v_sentiment FROM messages m
        WHERE m.outcome_id = v_last.outcome_id AND NOT v_last.synthetic AND NOT EXISTS (
            SELECT FROM messages p
            WHERE p.conversation_id = p_conversation AND p.author = 'person' AND p.created_at > v_last.created_at);
    IF v_sentiment < p_unhappy_below THEN
        PERFORM escalate_to_people(p_conversation, 'unhappy_silence', 'general', 'P3', format(
            E'The customer''s last word was an upset one (sentiment %s), and nothing came since our answer. Look '
            'whether it helped.\nThe customer wrote: %s',
            round(v_sentiment::numeric, 2), left(regexp_replace(v_last.body, '\s+', ' ', 'g'), 500)));
        RETURN 'escalated';
    END IF;

    INSERT INTO resolutions (conversation_id, kind, resolved_by) VALUES (p_conversation, 'assumed', 'fte');
    UPDATE conversations SET state = 'resolved', resolved_at = clock_timestamp(), answered_at = NULL,
        negative_streak = 0, gap_streak = 0, held_notice_at = NULL
        WHERE conversation_id = p_conversation;
    UPDATE tickets SET status = 'resolved', updated_at = clock_timestamp() WHERE conversation_id = p_conversation;
    PERFORM record_resolution_event(p_conversation, 'assumed');
    RETURN 'resolved';
END $$;

-- Hands a conversation to people that no turn is at work on. Its caller holds the locks.
CREATE FUNCTION escalate_to_people(
    p_conversation uuid, p_reason text, p_team text, p_severity text, p_summary text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO escalations (conversation_id, reason_code, team, severity, summary)
        VALUES (p_conversation, p_reason, p_team, p_severity, p_summary);
    UPDATE conversations SET state = 'escalated', resolved_at = NULL, answered_at = NULL
        WHERE conversation_id = p_conversation;
    UPDATE tickets SET status = 'escalated', updated_at = clock_timestamp() WHERE conversation_id = p_conversation;
    INSERT INTO events (topic, key, payload) VALUES (
        'fte.escalations', p_conversation::text,
        jsonb_build_object('conversation_id', p_conversation, 'reason', p_reason, 'team', p_team, 'severity', p_severity));
END $$;

-- What the customer answers when asked whether a resolved request is solved: one answer per end, which may be changed
-- while that end stands. A no brings a person, of the team that had it. 'recorded', 'repeated', or 'not_resolved' when
-- there is nothing to ask about (any more).
CREATE FUNCTION answer_survey(p_conversation uuid, p_solved boolean, p_comment text, p_open_for interval) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_customer     uuid;
    v_resolved_at  timestamptz;
    v_end          resolutions;
BEGIN
    SELECT customer_id INTO v_customer FROM conversations WHERE conversation_id = p_conversation;
    PERFORM FROM work WHERE customer_id = v_customer FOR UPDATE;
    SELECT resolved_at INTO v_resolved_at FROM conversations WHERE conversation_id = p_conversation FOR UPDATE;
    SELECT * INTO v_end FROM resolutions WHERE conversation_id = p_conversation ORDER BY resolved_at DESC LIMIT 1;
    IF v_end.solved = p_solved AND v_end.comment = p_comment THEN
        RETURN 'repeated';
    END IF;
    -- Later, a message begins another conversation, beside which this one must not come back to life.
    IF v_end.resolution_id IS NULL OR v_end.reopened_at IS NOT NULL OR v_resolved_at < clock_timestamp() - p_open_for THEN
        RETURN 'not_resolved';
    END IF;
    UPDATE resolutions SET solved = p_solved, comment = p_comment, surveyed_at = clock_timestamp(),
        kind = CASE WHEN p_solved THEN 'confirmed' ELSE kind END,
        confirmed_at = CASE WHEN p_solved THEN coalesce(confirmed_at, clock_timestamp()) ELSE confirmed_at END
        WHERE resolution_id = v_end.resolution_id;
    IF p_solved THEN
        PERFORM record_resolution_event(p_conversation, 'confirmed');
    ELSE
        PERFORM escalate_to_people(
            p_conversation, 'not_solved',
            coalesce((SELECT e.team FROM escalations e WHERE e.conversation_id = p_conversation
                      ORDER BY e.created_at DESC LIMIT 1), 'general'),
            'P2', 'Asked whether the request is solved, the customer said no.'
                || CASE WHEN p_comment <> '' THEN E'\nThe customer wrote: ' || regexp_replace(p_comment, '\s+', ' ', 'g')
                   ELSE '' END);
    END IF;
    RETURN 'recorded';
END $$;

-- As before, and a reply may end the conversation: p_resolves says that the customer confirms our answer. Since when
-- the last word is ours is kept. Who runs the version before this one calls it without p_resolves.
DROP FUNCTION commit_turn(
    uuid, bigint, uuid, integer, uuid[], boolean, text, text, text, jsonb, real[], integer, integer, boolean,
    text, text, text, text, text, text, text, text, jsonb, real, smallint
);
CREATE FUNCTION commit_turn(
    p_customer uuid, p_fence bigint, p_conversation uuid, p_owner_epoch integer, p_message_ids uuid[],
    p_allow_rerun boolean, p_kind text, p_reason text, p_reply text, p_trace jsonb,
    p_sentiments real[], p_negative_streak integer, p_gap_streak integer, p_held_notice boolean,
    p_category text, p_priority text, p_subject text,
    p_escalation_reason text, p_team text, p_severity text, p_summary text,
    p_send_token text, p_stages jsonb, p_turn_ms real, p_model_calls smallint, p_resolves boolean DEFAULT false
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_conversation  conversations;
    v_last_seq      bigint;
    v_first_at      timestamptz;
    v_count         integer;
    v_outcome       uuid;
    v_message       uuid;
    v_next          timestamptz;
    v_is_synthetic  boolean;
    v_resolves      boolean;
BEGIN
    PERFORM FROM work WHERE customer_id = p_customer AND fence = p_fence AND lease_until IS NOT NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'fence_lost';
    END IF;
    SELECT * INTO STRICT v_conversation FROM conversations WHERE conversation_id = p_conversation FOR UPDATE;
    -- A reply that could not be delivered escalates its conversation without the work row.
    IF v_conversation.owner_epoch <> p_owner_epoch OR (v_conversation.state = 'escalated' AND p_kind = 'reply')
       OR (p_kind <> 'suppressed' AND EXISTS (
        SELECT FROM customer_identifiers i
        WHERE i.identifier_id = v_conversation.identifier_id AND i.opted_out_at IS NOT NULL
    )) THEN
        RETURN 'fence_lost';
    END IF;

    SELECT max(m.seq), min(m.created_at), bool_and(m.synthetic) INTO v_last_seq, v_first_at, v_is_synthetic
        FROM messages m WHERE m.message_id = ANY (p_message_ids);
    IF p_allow_rerun AND (
        SELECT m.conversation_id = p_conversation FROM messages m
        WHERE m.customer_id = p_customer AND m.direction = 'inbound' AND m.outcome_id IS NULL AND m.seq > v_last_seq
        ORDER BY m.seq LIMIT 1
    ) THEN
        RETURN 'newer_messages';
    END IF;

    INSERT INTO outcomes (conversation_id, kind, reason, fence, trace)
        VALUES (p_conversation, p_kind, p_reason, p_fence, p_trace) RETURNING outcome_id INTO v_outcome;
    UPDATE messages m SET outcome_id = v_outcome, sentiment = s.sentiment
        FROM unnest(p_message_ids, p_sentiments) AS s (message_id, sentiment)
        WHERE m.message_id = s.message_id AND m.customer_id = p_customer AND m.conversation_id = p_conversation
          AND m.outcome_id IS NULL;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count <> cardinality(p_message_ids) THEN
        RAISE EXCEPTION 'a message of the burst has an outcome already' USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    IF p_reply <> '' THEN
        INSERT INTO messages (conversation_id, customer_id, channel, direction, author, body, synthetic)
            VALUES (p_conversation, p_customer, v_conversation.channel, 'outbound', 'fte', p_reply, v_is_synthetic)
            RETURNING message_id INTO v_message;
        INSERT INTO outbox (conversation_id, message_id, outcome_id, author, owner_epoch, send_token)
            VALUES (p_conversation, v_message, v_outcome, 'fte', p_owner_epoch, p_send_token);
    END IF;

    IF p_escalation_reason IS NOT NULL THEN
        INSERT INTO escalations (conversation_id, outcome_id, reason_code, team, severity, summary)
            VALUES (p_conversation, v_outcome, p_escalation_reason, p_team, p_severity, p_summary)
            ON CONFLICT (conversation_id) WHERE status IN ('open', 'taken') DO NOTHING;
        INSERT INTO events (topic, key, payload) VALUES (
            CASE p_kind WHEN 'dead_letter' THEN 'fte.dlq' ELSE 'fte.escalations' END, p_conversation::text,
            jsonb_build_object('conversation_id', p_conversation, 'outcome_id', v_outcome, 'reason', p_escalation_reason,
                               'team', p_team, 'severity', p_severity));
    END IF;
    -- Whoever has written on meanwhile is not done.
    v_resolves := p_resolves AND p_kind = 'reply' AND v_conversation.state = 'open' AND NOT EXISTS (
        SELECT FROM messages m
        WHERE m.conversation_id = p_conversation AND m.direction = 'inbound' AND m.outcome_id IS NULL);
    IF v_resolves THEN
        PERFORM confirm_resolution(p_conversation, p_message_ids);
    END IF;
    UPDATE conversations SET
        state = CASE WHEN p_escalation_reason IS NOT NULL THEN 'escalated' WHEN v_resolves THEN 'resolved' ELSE state END,
        resolved_at = CASE
            WHEN p_escalation_reason IS NOT NULL THEN NULL
            WHEN v_resolves THEN clock_timestamp()
            ELSE resolved_at END,
        answered_at = CASE WHEN p_kind = 'reply' AND NOT v_resolves THEN clock_timestamp() END,
        negative_streak = p_negative_streak,
        gap_streak = p_gap_streak,
        held_notice_at = CASE WHEN p_held_notice THEN now() ELSE held_notice_at END
        WHERE conversation_id = p_conversation;
    UPDATE tickets SET
        status = CASE
            WHEN p_escalation_reason IS NOT NULL THEN 'escalated'
            WHEN v_resolves THEN 'resolved'
            WHEN p_kind = 'reply' AND status = 'open' THEN 'in_progress'
            ELSE status END,
        category = coalesce(p_category, category),
        priority = coalesce(p_priority, priority),
        subject = CASE WHEN subject = '' THEN coalesce(p_subject, '') ELSE subject END,
        updated_at = now()
        WHERE conversation_id = p_conversation;

    INSERT INTO agent_metrics (kind, channel, conversation_id, outcome_kind, reason, total_ms, end_to_end_ms, stages, sentiment, model_calls)
        VALUES ('turn', v_conversation.channel, p_conversation, p_kind, p_reason, p_turn_ms,
                extract(epoch FROM clock_timestamp() - v_first_at) * 1000, p_stages,
                (SELECT avg(s) FROM unnest(p_sentiments) AS s), p_model_calls);

    SELECT m.created_at INTO v_next FROM messages m
        WHERE m.customer_id = p_customer AND m.direction = 'inbound' AND m.outcome_id IS NULL
        ORDER BY m.seq LIMIT 1;
    UPDATE work SET
        lease_until = NULL,
        due_at = CASE WHEN v_next IS NULL THEN NULL ELSE clock_timestamp() END,
        burst_began_at = v_next,
        attempts_crash = 0, attempts_dependency = 0, attempts_message = 0
        WHERE customer_id = p_customer;
    RETURN CASE WHEN v_next IS NULL THEN 'committed' ELSE 'committed_more' END;
END $$;
