-- name: reserve_model_use
-- Holds room for one more call under the day's ceiling; null when there is none.
-- $1 uuid: what is held for the turn already, null for nothing
-- $2 bigint: tokens of the call, estimated
-- $3 bigint: its cost in millionths of the prices' currency
-- $4 bigint: the day's ceiling in tokens, null for none
-- $5 bigint: the day's ceiling in millionths, null for none
SELECT reserve_model_use($1, $2, $3, $4, $5)

-- name: settle_model_use
-- Counts what a turn took that does not commit, and gives back what else was held for it.
-- $1 uuid: what is held for the turn, null for nothing
-- $2 uuid: conversation
-- $3 text: model
-- $4 smallint: calls
-- $5 bigint: input tokens
-- $6 bigint: output tokens
-- $7 bigint: cost in millionths
-- $8 real: the model's time in milliseconds
-- $9 text: why the turn went on without it, null when it did not
-- $10 text: the same in a sentence
SELECT settle_model_use($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: fetch_model_day
-- What counts today (UTC) against a ceiling, and how often there was no room.
SELECT tokens, cost_micros, held_tokens, held_cost_micros, refused FROM model_days
WHERE day = (clock_timestamp() AT TIME ZONE 'UTC')::date

-- name: fetch_model_turns
-- Turns of the last while that came to the language model, how many went on without it by cause, how many of its answers
-- were unusable, what was wrong the last time, and the last turn's cause.
-- $1 interval: how far back
SELECT count(*)::integer AS turns,
       count(*) FILTER (WHERE fallback = 'away')::integer AS away,
       count(*) FILTER (WHERE fallback = 'resting')::integer AS resting,
       count(*) FILTER (WHERE fallback = 'ceiling')::integer AS ceiling,
       count(*) FILTER (WHERE fallback IS NULL AND problem <> '')::integer AS unusable,
       coalesce((array_agg(problem ORDER BY created_at DESC) FILTER (WHERE problem <> ''))[1], '') AS problem,
       coalesce((array_agg(fallback ORDER BY created_at DESC))[1], '') AS last_fallback
FROM agent_metrics
WHERE kind = 'model' AND created_at >= now() - $1::interval
