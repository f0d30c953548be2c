-- name: answer_survey
-- Keeps what the customer answers when asked whether it is solved; 'recorded', 'repeated' or 'not_resolved'.
-- $1 uuid: conversation
-- $2 boolean: whether it is solved
-- $3 text: comment, empty for none
-- $4 interval: how long after the end the question is open
SELECT answer_survey($1, $2, $3, $4)

-- name: fetch_survey
-- What was answered about the standing end of a conversation, null for nothing yet; no row when there is nothing to ask.
-- $1 uuid: conversation
-- $2 interval: how long after the end the question is open
SELECT r.solved FROM resolutions r
JOIN conversations c ON c.conversation_id = r.conversation_id
JOIN channel_configs g ON g.channel = c.channel AND g.survey
WHERE r.conversation_id = $1 AND r.reopened_at IS NULL AND c.resolved_at >= clock_timestamp() - $2::interval

-- name: fetch_resolutions
-- The ends of a conversation, oldest first.
-- $1 uuid: conversation
-- $2 integer: at most so many, the latest
SELECT * FROM (
    SELECT kind, resolved_by, resolved_at, confirmed_at, reopened_at, solved, comment, surveyed_at
    FROM resolutions WHERE conversation_id = $1 ORDER BY resolved_at DESC LIMIT $2
) latest
ORDER BY resolved_at
