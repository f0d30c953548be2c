-- Claim to commit. Lock order everywhere: work row, conversation, ticket, messages, outbox. A claim holds while
-- its fence is the row's and its lease was not given back; a lease that ran out holds until someone else claims.

-- Writes a whole turn, or nothing: 'fence_lost' when the claim no longer holds, a person took over or is waited
-- for, or the identity opted out; 'newer_messages' when a re-run is allowed and the burst has grown.
CREATE FUNCTION commit_turn(
    p_customer uuid, p_fence bigint, p_conversation uuid, p_owner_epoch integer, p_message_ids uuid[],
    p_allow_rerun boolean, p_kind text, p_reason text, p_reply text, p_trace jsonb,
    p_sentiments real[], p_negative_streak integer, p_gap_streak integer, p_held_notice boolean,
    p_category text, p_priority text, p_subject text,
    p_escalation_reason text, p_team text, p_severity text, p_summary text,
    p_send_token text, p_stages jsonb, p_turn_ms real, p_model_calls smallint
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
    UPDATE conversations SET
        state = CASE WHEN p_escalation_reason IS NOT NULL THEN 'escalated' ELSE state END,
        resolved_at = CASE WHEN p_escalation_reason IS NOT NULL THEN NULL ELSE resolved_at END,
        negative_streak = p_negative_streak,
        gap_streak = p_gap_streak,
        held_notice_at = CASE WHEN p_held_notice THEN now() ELSE held_notice_at END
        WHERE conversation_id = p_conversation;
    UPDATE tickets SET
        status = CASE
            WHEN p_escalation_reason IS NOT NULL THEN 'escalated'
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

-- Locks first and looks then: in one statement the look would not see a message that was accepted while the
-- statement waited for the lock, and that message would be forgotten.
CREATE FUNCTION release_work(p_customer uuid, p_fence bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM work WHERE customer_id = p_customer AND fence = p_fence AND lease_until IS NOT NULL FOR UPDATE;
    IF FOUND THEN
        UPDATE work SET
            lease_until = NULL,
            due_at = CASE WHEN EXISTS (
                SELECT FROM messages m
                WHERE m.customer_id = p_customer AND m.direction = 'inbound' AND m.outcome_id IS NULL
            ) THEN due_at END
            WHERE customer_id = p_customer;
    END IF;
END $$;

-- Raises the fence at once, so that a running turn loses at its commit. Locks the work row.
CREATE FUNCTION raise_fence(p_customer uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO work AS w (customer_id, fence) VALUES (p_customer, 1)
    ON CONFLICT (customer_id) DO UPDATE SET
        fence = w.fence + 1,
        lease_until = NULL,
        due_at = CASE WHEN w.due_at IS NULL THEN NULL ELSE clock_timestamp() END
$$;
