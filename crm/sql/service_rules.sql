-- name: fetch_service_rules
-- The service rules of every channel as JSON texts.
SELECT channel, jsonb_build_object(
    'expected_response', expected_response, 'person_response', person_response, 'business_hours', business_hours,
    'reminder_minutes', reminder_minutes, 'reminders_max', reminders_max, 'close_after_hours', close_after_hours,
    'unhappy_below', unhappy_below, 'survey', survey)::text AS rules
FROM channel_configs
ORDER BY channel

-- name: record_service_rules
-- Replaces the service rules of a channel.
-- $1 text: channel
-- $2 jsonb: the rules, as fetch_service_rules gives them
-- $3 text: operator
UPDATE channel_configs SET
    expected_response = $2::jsonb -> 'expected_response', person_response = $2::jsonb -> 'person_response',
    business_hours = $2::jsonb -> 'business_hours', reminder_minutes = $2::jsonb -> 'reminder_minutes',
    reminders_max = ($2::jsonb ->> 'reminders_max')::integer,
    close_after_hours = ($2::jsonb ->> 'close_after_hours')::integer,
    unhappy_below = ($2::jsonb ->> 'unhappy_below')::double precision, survey = ($2::jsonb ->> 'survey')::boolean,
    updated_by = $3, updated_at = clock_timestamp()
WHERE channel = $1
