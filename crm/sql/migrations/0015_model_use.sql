-- What turns take of the configured language model, and the day's ceiling on it.

-- One row a day (UTC): what turns took, and what is held for those that run. Both count against a ceiling, so what is
-- never settled, because its process died, stays counted as it was estimated.
CREATE TABLE model_days (
    day              date PRIMARY KEY,
    tokens           bigint NOT NULL DEFAULT 0,
    cost_micros      bigint NOT NULL DEFAULT 0,
    held_tokens      bigint NOT NULL DEFAULT 0,
    held_cost_micros bigint NOT NULL DEFAULT 0,
    refused          integer NOT NULL DEFAULT 0,
    CHECK (held_tokens >= 0 AND held_cost_micros >= 0)
) WITH (fillfactor = 50);

-- What is held for one turn. It is of the day on which the turn began, and is settled there.
CREATE TABLE model_reservations (
    reservation_id uuid PRIMARY KEY DEFAULT uuidv7(),
    day            date NOT NULL REFERENCES model_days,
    tokens         bigint NOT NULL,
    cost_micros    bigint NOT NULL
);

-- 'model': what one turn took of it, in the transaction of the turn. total_ms is the model's own time.
ALTER TABLE agent_metrics
    DROP CONSTRAINT agent_metrics_kind_check,
    ADD CONSTRAINT agent_metrics_kind_check CHECK (kind IN ('accept', 'turn', 'deliver', 'search', 'model')),
    ADD COLUMN model text,
    ADD COLUMN input_tokens bigint,
    ADD COLUMN output_tokens bigint,
    ADD COLUMN cost_micros bigint,
    ADD COLUMN fallback text CHECK (fallback IN ('away', 'resting', 'ceiling')),
    ADD COLUMN problem text;

-- Holds room for one more call; null when that does not fit under the ceiling. The row of the day orders all replicas:
-- of calls that come together, each sees what is held for those before it. A ceiling that is null is none.
CREATE FUNCTION reserve_model_use(
    p_held uuid, p_tokens bigint, p_cost_micros bigint, p_most_tokens bigint, p_most_cost_micros bigint
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_day          date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    v_reservation  uuid;
BEGIN
    IF p_held IS NOT NULL THEN
        SELECT day INTO v_day FROM model_reservations WHERE reservation_id = p_held;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO model_days (day) VALUES (v_day) ON CONFLICT DO NOTHING;
    UPDATE model_days SET held_tokens = held_tokens + p_tokens, held_cost_micros = held_cost_micros + p_cost_micros
        WHERE day = v_day
          AND (p_most_tokens IS NULL OR tokens + held_tokens + p_tokens <= p_most_tokens)
          AND (p_most_cost_micros IS NULL OR cost_micros + held_cost_micros + p_cost_micros <= p_most_cost_micros);
    IF NOT FOUND THEN
        UPDATE model_days SET refused = refused + 1 WHERE day = v_day;
        RETURN NULL;
    END IF;
    IF p_held IS NOT NULL THEN
        UPDATE model_reservations SET tokens = tokens + p_tokens, cost_micros = cost_micros + p_cost_micros
            WHERE reservation_id = p_held;
        RETURN p_held;
    END IF;
    INSERT INTO model_reservations (day, tokens, cost_micros) VALUES (v_day, p_tokens, p_cost_micros)
        RETURNING reservation_id INTO v_reservation;
    RETURN v_reservation;
END $$;

-- Counts what a turn took, and gives back what was held for it. With a reservation, a second time changes nothing.
-- The row of the day is locked last, and after the work row: see the order in 0005_turns.sql.
CREATE FUNCTION settle_model_use(
    p_reservation uuid, p_conversation uuid, p_model text, p_calls smallint, p_input_tokens bigint,
    p_output_tokens bigint, p_cost_micros bigint, p_ms real, p_fallback text, p_problem text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_day   date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    v_held  model_reservations;
BEGIN
    IF p_reservation IS NOT NULL THEN
        DELETE FROM model_reservations WHERE reservation_id = p_reservation RETURNING * INTO v_held;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        v_day := v_held.day;
    END IF;
    INSERT INTO agent_metrics (kind, channel, conversation_id, total_ms, model_calls,
                               model, input_tokens, output_tokens, cost_micros, fallback, problem)
        SELECT 'model', channel, p_conversation, p_ms, p_calls,
               p_model, p_input_tokens, p_output_tokens, p_cost_micros, p_fallback, p_problem
        FROM conversations WHERE conversation_id = p_conversation;
    IF p_input_tokens + p_output_tokens + p_cost_micros + coalesce(v_held.tokens, 0) > 0 THEN
        INSERT INTO model_days (day) VALUES (v_day) ON CONFLICT DO NOTHING;
        UPDATE model_days SET
            tokens = tokens + p_input_tokens + p_output_tokens,
            cost_micros = cost_micros + p_cost_micros,
            held_tokens = held_tokens - coalesce(v_held.tokens, 0),
            held_cost_micros = held_cost_micros - coalesce(v_held.cost_micros, 0)
            WHERE day = v_day;
    END IF;
END $$;
