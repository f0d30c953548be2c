-- Each way to break the healthy database of test_audit.py: the block of audit.sql that must see it, the sentence that
-- it must say (a regular expression), and the damage. Messages are numbered in the order in which they were sent.

-- words
CREATE FUNCTION thread(text) RETURNS uuid STABLE LANGUAGE sql AS
    $$ SELECT conversation_id FROM conversations WHERE thread_key = $1 $$;
CREATE FUNCTION customer(text) RETURNS uuid STABLE LANGUAGE sql AS
    $$ SELECT customer_id FROM conversations WHERE thread_key = $1 $$;
CREATE FUNCTION message(text) RETURNS uuid STABLE LANGUAGE sql AS
    $$ SELECT message_id FROM messages WHERE provider_message_id = $1 $$;
CREATE FUNCTION outcome(text) RETURNS uuid STABLE LANGUAGE sql AS
    $$ SELECT outcome_id FROM messages WHERE provider_message_id = $1 $$;
CREATE FUNCTION seq_of(text) RETURNS bigint STABLE LANGUAGE sql AS
    $$ SELECT seq FROM messages WHERE provider_message_id = $1 $$;
CREATE FUNCTION merged_away() RETURNS uuid STABLE LANGUAGE sql AS
    $$ SELECT source_id FROM customer_merges $$;
CREATE FUNCTION add_outbound(text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO messages (conversation_id, customer_id, channel, direction, author, body)
    SELECT conversation_id, customer_id, channel, 'outbound', 'fte', 'one too many'
    FROM conversations WHERE thread_key = $1
$$;
CREATE FUNCTION add_outbox(uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (conversation_id, message_id, outcome_id, author, owner_epoch, send_token, state,
                        provider_message_id, finished_at)
    SELECT conversation_id, message_id, $1, author, 9, 'again', 'sent', 'x', now()
    FROM messages WHERE body = 'one too many'
$$;

-- block: find_stored_twice
-- finding: whatsapp message m1 is stored 2 times
DROP INDEX messages_provider_key;
INSERT INTO messages (
        conversation_id, customer_id, channel, direction, author, provider_message_id, body, seq, outcome_id)
    SELECT conversation_id, customer_id, channel, direction, author, provider_message_id, body, seq + 100, outcome_id
    FROM messages WHERE provider_message_id = 'm1';

-- block: find_foreign_outcome
-- finding: was ended by outcome \S+ of conversation
UPDATE messages SET outcome_id = outcome('m3') WHERE provider_message_id = 'm1';

-- block: find_empty_outcome
-- finding: \(held\) covers no message
INSERT INTO outcomes (conversation_id, kind, fence) VALUES (thread('handed'), 'held', 1);

-- block: find_wrong_reply_count
-- finding: \(reply\) has 0 outbox rows
DELETE FROM outbox WHERE outcome_id = outcome('m1');

-- block: find_wrong_reply_count
-- finding: \(reply\) has 2 outbox rows
DROP INDEX outbox_outcome_key;
SELECT add_outbound('+15550150');
SELECT add_outbox(outcome('m1'));

-- block: find_malformed_outbound
-- finding: has no outbox row
SELECT add_outbound('+15550150');

-- block: find_malformed_outbound
-- finding: does not fit its message
SELECT add_outbound('+15550150');
SELECT add_outbox(NULL);

-- block: find_malformed_outbound
-- finding: does not fit its message
UPDATE messages SET body = '' WHERE direction = 'outbound' AND author = 'person';

-- block: find_malformed_outbound
-- finding: does not fit its message
UPDATE outbox SET conversation_id = thread('dead') WHERE outcome_id = outcome('m1');

-- block: find_malformed_outbound
-- finding: does not fit its message
UPDATE outbox SET author = 'fte' WHERE author = 'person';

-- block: find_malformed_outbound
-- finding: does not fit its message
UPDATE outbox SET message_id = message('m1') WHERE outcome_id = outcome('m1');

-- block: find_causeless_cancellation
-- finding: was cancelled, but no person took over
UPDATE outbox SET state = 'cancelled' WHERE outcome_id = outcome('m1');

-- block: find_causeless_cancellation
-- finding: was cancelled, but no person took over
UPDATE outbox SET state = 'cancelled' WHERE author = 'person';

-- block: find_reply_after_opt_out
-- finding: was written and sent after an opt-out
INSERT INTO consents (identifier_id, opted_out, source, created_at)
    SELECT identifier_id, true, 'customer', '2000-01-01' FROM conversations WHERE conversation_id = thread('+15550150');

-- block: find_unsaid_consent
-- finding: is opted in, its last word was the opposite
INSERT INTO consents (identifier_id, opted_out, source)
    SELECT identifier_id, true, 'customer' FROM conversations WHERE conversation_id = thread('+15550150');

-- block: find_unsaid_consent
-- finding: is opted out, its last word was the opposite
UPDATE customer_identifiers SET opted_out_at = now() WHERE value = '+15550151';

-- block: find_torn_parts
-- finding: is sent after 1 of 2 parts
UPDATE outbox SET parts = '{one,two}' WHERE outcome_id = outcome('m1');

-- block: find_torn_parts
-- finding: is sent after 2 of 1 parts
UPDATE outbox SET parts_sent = 2 WHERE outcome_id = outcome('m1');

-- block: find_sent_twice
-- finding: part 0 of outbox row \S+ was sent as SM1, SM2
INSERT INTO delivery_events (outbox_id, part, provider_message_id, status)
    SELECT outbox_id, 0, sid, 'sent' FROM outbox, (VALUES ('SM1'), ('SM2')) v (sid) WHERE outcome_id = outcome('m1');

-- block: find_ignored_report
-- finding: was reported failed, and the row is sent
INSERT INTO outbox_parts (outbox_id, part, provider_message_id, status, status_rank)
    SELECT outbox_id, 0, 'SM1', 'failed', 22 FROM outbox WHERE outcome_id = outcome('m1');

-- block: find_silent_failure
-- finding: failed without an escalation
DELETE FROM escalations WHERE conversation_id = thread('failed');

-- block: find_silent_failure
-- finding: failed without an escalation
UPDATE escalations SET created_at = created_at - interval '2 h', closed_at = now() - interval '1 h', status = 'resolved'
    WHERE conversation_id = thread('failed');

-- block: find_missing_escalation
-- finding: \(dead_letter\) of conversation \S+ has no escalation
DELETE FROM escalations WHERE conversation_id = thread('dead');

-- block: find_missing_escalation
-- finding: \(escalation\) of conversation \S+ has no escalation
UPDATE escalations SET outcome_id = NULL, created_at = now() + interval '1 h' WHERE outcome_id = outcome('m3');

-- block: find_missing_acknowledgement
-- finding: \(dead_letter\) of conversation \S+ has no acknowledgement
DELETE FROM outbox WHERE conversation_id = thread('dead');

-- block: find_held_for_nobody
-- finding: holds messages of conversation \S+ for nobody
UPDATE escalations SET created_at = now() + interval '1 h' WHERE conversation_id = thread('handed');

-- block: find_repeated_notice
-- finding: has 2 notices
SELECT add_outbound('handed');
SELECT add_outbox(outcome('m5'));

-- block: find_reply_over_a_person
-- finding: is a reply in conversation \S+, which escalation \S+ had given to a person
UPDATE outcomes SET kind = 'reply' WHERE outcome_id = outcome('m5');

-- block: find_disorder_in_conversation
-- finding: of conversation \S+ was ended before message
UPDATE messages SET seq = seq_of('m1') + seq_of('m2') - seq WHERE provider_message_id IN ('m1', 'm2');

-- block: find_disorder_in_conversation
-- finding: of conversation \S+ was ended before message
UPDATE messages SET outcome_id = NULL WHERE provider_message_id = 'm1';

-- block: find_disorder_of_customer
-- finding: of customer \S+ was ended before message
UPDATE messages SET seq = seq_of('m10') + seq_of('m11') - seq WHERE provider_message_id IN ('m10', 'm11');

-- block: find_disorder_of_customer
-- finding: of customer \S+ was ended before message
UPDATE messages SET outcome_id = NULL WHERE provider_message_id = 'm10';

-- block: find_seq_clash
-- finding: has 2 messages with seq 1
ALTER TABLE messages DROP CONSTRAINT messages_seq_key;
UPDATE messages SET seq = 1 WHERE outcome_id = outcome('m2');

-- block: find_seq_clash
-- finding: the work row of customer \S+ is at seq 0, its messages at
UPDATE work SET seq = 0;

-- block: find_delivery_out_of_order
-- finding: was delivered before row \S+, which precedes it
UPDATE outbox SET finished_at = now() + interval '1 h' WHERE outcome_id = outcome('m1');

-- block: find_delivery_out_of_order
-- finding: was begun while row \S+, which precedes it, was open
UPDATE outbox SET state = 'unknown', finished_at = NULL WHERE outcome_id = outcome('m1');

-- block: find_forgotten_work
-- finding: is queued, but no work is due
UPDATE messages SET outcome_id = NULL WHERE provider_message_id = 'm6';

-- block: find_hold_without_quarantine
-- finding: waits in no quarantine
UPDATE work SET due_at = 'infinity' WHERE customer_id = customer('+15550150');

-- block: find_state_without_escalation
-- finding: is open and has 1 live escalations
UPDATE conversations SET state = 'open', owner = NULL WHERE thread_key = 'handed';

-- block: find_state_without_escalation
-- finding: belongs to linus, but its escalation is with grace
UPDATE conversations SET owner = 'linus' WHERE thread_key = 'handed';

-- block: find_wrong_ticket
-- finding: has 0 tickets
DELETE FROM tickets WHERE conversation_id = thread('dead');

-- block: find_wrong_ticket
-- finding: ticket id TTF-\S+ is malformed
ALTER TABLE tickets DROP CONSTRAINT tickets_ticket_id_check;
UPDATE tickets SET ticket_id = 'T' || ticket_id;

-- block: find_wrong_ticket
-- finding: is open, its conversation
UPDATE tickets SET status = 'open' WHERE status = 'escalated';

-- block: find_lost_in_merge
-- finding: message \S+ belongs to customer
UPDATE messages SET customer_id = merged_away() WHERE provider_message_id = 'm9';

-- block: find_lost_in_merge
-- finding: conversation \S+ belongs to customer
UPDATE conversations SET customer_id = merged_away() WHERE thread_key = 'merged';

-- block: find_lost_in_merge
-- finding: ticket \S+ belongs to customer
UPDATE tickets SET customer_id = merged_away() WHERE conversation_id = thread('merged');

-- block: find_lost_in_merge
-- finding: identifier \S+ belongs to customer
UPDATE customer_identifiers SET customer_id = merged_away() WHERE value = '+15550150';

-- block: find_wrong_resolution
-- finding: is resolved and has 0 standing resolutions
DELETE FROM resolutions WHERE conversation_id = thread('ended');

-- block: find_wrong_resolution
-- finding: is open and has 1 standing resolutions
INSERT INTO resolutions (conversation_id, kind, resolved_by) VALUES (thread('merged'), 'assumed', 'fte');

-- block: find_wrong_resolution
-- finding: is open and has 1 standing resolutions
UPDATE resolutions SET reopened_at = NULL WHERE conversation_id = thread('reopened');

-- block: find_hasty_end
-- finding: was ended by fte while message \S+ was unread
UPDATE resolutions SET resolved_at = o.created_at - interval '1 microsecond'
FROM outcomes o WHERE o.conversation_id = resolutions.conversation_id AND o.conversation_id = thread('ended');

-- block: find_ignored_survey
-- finding: still counts as resolved, but its customer said no
UPDATE resolutions SET solved = false, surveyed_at = clock_timestamp() WHERE conversation_id = thread('ended');

-- block: find_ignored_survey
-- finding: still counts as resolved, but its customer said no
DELETE FROM escalations WHERE reason_code = 'not_solved';

-- block: find_late_reminder
-- finding: was raised again after it was taken or ended
UPDATE escalations SET raised_again_at = clock_timestamp(), reminders = 1 WHERE status = 'taken';

-- block: find_late_reminder
-- finding: was raised again after
UPDATE escalations SET reminders = 0 WHERE reminders > 0;

-- block: find_lost_in_merge
-- finding: due work \S+ belongs to
UPDATE work SET due_at = now() WHERE customer_id = merged_away();

-- block: find_lost_in_merge
-- finding: a message of conversation \S+ belongs to customer
UPDATE messages SET customer_id = customer('handed'), seq = 99 WHERE provider_message_id = 'm1';

-- block: find_misdirected_merge
-- finding: moved conversation \S+, which is now with
UPDATE conversations SET customer_id = customer('handed') WHERE thread_key = 'merged';

-- block: find_misdirected_merge
-- finding: moved identifier \S+, which is now with
UPDATE customer_identifiers SET customer_id = customer('handed')
    WHERE identifier_id = ANY ((SELECT identifier_ids FROM customer_merges)::uuid[]);

-- block: find_misdirected_merge
-- finding: has lost 1 of
DELETE FROM conversations WHERE thread_key = 'merged';

-- block: find_wrong_undo
-- finding: was undone, and identifier \S+ is still with
UPDATE customer_merges SET undone_at = now();
UPDATE customers SET merged_into = NULL;

-- block: find_wrong_undo
-- finding: stands, and customer \S+ is not merged
UPDATE customers SET merged_into = NULL;

-- block: find_wrong_undo
-- finding: is merged, and no merge that stands says so
UPDATE customer_merges SET undone_at = now();

-- block: find_wrong_identifier
-- finding: 2 identifiers of 2 customers are proved
INSERT INTO customer_identifiers (customer_id, kind, value, verified_at, alias_of)
    SELECT customer('handed'), kind, value, now(), identifier_id FROM customer_identifiers WHERE value = '+15550150';

-- block: find_wrong_identifier
-- finding: is no other spelling of identifier
UPDATE customer_identifiers SET verified_at = now(), alias_of = (
    SELECT identifier_id FROM customer_identifiers WHERE value = '+15550150')
    WHERE customer_id = customer('handed');

-- block: find_wrong_letter
-- finding: copies answers to an address that was not confirmed
INSERT INTO outbox (conversation_id, kind, copy_of, author, owner_epoch, send_token)
    SELECT conversation_id, 'copy', outbox_id, author, owner_epoch, 'copy' FROM outbox
    WHERE conversation_id = thread('handed') AND state = 'sent' LIMIT 1;

-- block: find_wrong_letter
-- finding: is sending, and row \S+ that it is a copy of is cancelled
INSERT INTO outbox (conversation_id, kind, copy_of, author, owner_epoch, send_token, state)
    SELECT conversation_id, 'copy', outbox_id, author, owner_epoch, 'copy', 'sending' FROM outbox
    WHERE state = 'cancelled' LIMIT 1;

-- block: find_wrong_letter
-- finding: asks for a confirmation that is limited
INSERT INTO confirmations (identifier_id, conversation_id, key, state)
    SELECT identifier_id, conversation_id, 'x', 'limited' FROM conversations WHERE thread_key = 'handed';
INSERT INTO outbox (conversation_id, kind, confirmation_id, author, owner_epoch, send_token)
    SELECT conversation_id, 'confirmation', confirmation_id, 'fte', 0, 'asks' FROM confirmations;

-- block: find_unproven_mail
-- finding: is sent, and nobody proved the address that it goes to
UPDATE customer_identifiers SET verified_at = NULL WHERE value = 'dora@example.com';

-- block: find_unproven_mail
-- finding: is sent, and nobody proved the address that it goes to
UPDATE customer_identifiers SET verified_at = NULL WHERE value = 'dora@example.com';
INSERT INTO confirmations (identifier_id, conversation_id, key, state, sender_path, created_at, ended_at)
    SELECT identifier_id, conversation_id, 'dora@example.com', 'confirmed', '203.0.113.0/24', now() - interval '9 days',
        now() - interval '9 days' FROM conversations WHERE conversation_id = thread('dead');
-- The mails that it answers came by no path at all.
UPDATE outbox SET remembered_by = (SELECT confirmation_id FROM confirmations LIMIT 1) WHERE conversation_id = thread('dead');

-- block: find_silent_hold
-- finding: is held, and its address is proved
UPDATE outbox SET state = 'held', finished_at = NULL WHERE conversation_id = thread('dead');

-- block: find_silent_hold
-- finding: is held, and nobody was asked or told
UPDATE customer_identifiers SET verified_at = NULL WHERE value = 'dora@example.com';
UPDATE outbox SET state = 'held', finished_at = NULL WHERE conversation_id = thread('dead');
DELETE FROM escalations WHERE conversation_id = thread('dead');

-- block: settled_queued
-- finding: message \S+ of conversation \S+ has no outcome
UPDATE messages SET outcome_id = NULL WHERE provider_message_id = 'm6';
UPDATE work SET due_at = now();

-- block: settled_undelivered
-- finding: is still pending
UPDATE outbox SET state = 'pending', finished_at = NULL WHERE author = 'person';

-- block: settled_leftover_work
-- finding: the work row of customer \S+ is leased
UPDATE work SET lease_until = now();

-- block: settled_leftover_work
-- finding: the work row of customer \S+ is due
UPDATE work SET due_at = now();
