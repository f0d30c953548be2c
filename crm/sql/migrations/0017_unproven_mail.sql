-- A mail whose sender nobody vouches for is answered by fixed text only: the request to confirm the address, as it goes
-- to whom a form names. What the FTE writes meanwhile is held, leaves when the address is proved, and is never sent
-- when its owner says that somebody else wrote. What a person writes leaves: they have read the mail and decided.

-- held: written, and not to be sent before the address of its conversation is proved.
ALTER TABLE outbox DROP CONSTRAINT outbox_state_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_state_check
    CHECK (state IN ('held', 'pending', 'sending', 'sent', 'unknown', 'failed', 'cancelled'));
CREATE INDEX outbox_held ON outbox (conversation_id) WHERE state = 'held';

-- As before, and in the mail channel: what the FTE writes to an address that is not proved is held, and the address is
-- asked, once, to confirm itself.
CREATE OR REPLACE FUNCTION write_by_mail() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v               record;
    v_confirmation  uuid;
BEGIN
    SELECT c.channel, i.verified_at, i AS identifier INTO v
        FROM conversations c
        JOIN channel_configs g ON g.channel = c.channel
        JOIN customer_identifiers i ON i.identifier_id = c.identifier_id AND i.kind = 'email'
        JOIN messages m ON m.message_id = NEW.message_id AND NOT m.synthetic
        WHERE c.conversation_id = NEW.conversation_id
          AND CASE c.channel WHEN 'email' THEN NEW.author = 'fte' AND i.verified_at IS NULL ELSE g.also_by_mail END;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v.verified_at IS NOT NULL THEN
        INSERT INTO outbox (conversation_id, kind, copy_of, author, owner_epoch, send_token)
            VALUES (NEW.conversation_id, 'copy', NEW.outbox_id, NEW.author, NEW.owner_epoch, mail_token());
        RETURN NULL;
    END IF;
    v_confirmation := ask_to_confirm(v.identifier, NEW.conversation_id);
    IF v_confirmation IS NOT NULL THEN
        INSERT INTO outbox (conversation_id, kind, confirmation_id, author, owner_epoch, send_token)
            VALUES (NEW.conversation_id, 'confirmation', v_confirmation, 'fte', NEW.owner_epoch, mail_token());
    END IF;
    IF v.channel = 'email' THEN
        UPDATE outbox SET state = 'held' WHERE outbox_id = NEW.outbox_id;
    END IF;
    RETURN NULL;
END $$;

-- Whoever waits for an answer that is held must have been asked. Where no request goes out, because too many did
-- lately, or was not answered for days, a person looks, at the end of the transaction: what the turn itself makes of
-- the conversation comes first.
CREATE FUNCTION see_to_held() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_conversation  conversations;
    v_state         text;
BEGIN
    SELECT * INTO STRICT v_conversation FROM conversations WHERE conversation_id = NEW.conversation_id;
    IF v_conversation.state <> 'open' OR NOT EXISTS (
        SELECT FROM outbox WHERE outbox_id = NEW.outbox_id AND state = 'held'
    ) THEN
        RETURN NULL;
    END IF;
    SELECT a.state INTO v_state FROM confirmations a
        WHERE a.identifier_id = v_conversation.identifier_id
          AND (a.state <> 'asked' OR a.created_at > now() - interval '3 days');
    IF v_state = 'asked' THEN
        RETURN NULL;
    END IF;
    PERFORM escalate_to_people(NEW.conversation_id, 'unproven_sender', 'general', 'P3',
        'Nobody vouches for who wrote this mail, so its answer is held. ' || CASE v_state
            WHEN 'limited' THEN 'The address was not asked to confirm itself: it was asked too often lately, or its '
                'owner said that somebody else wrote.'
            WHEN 'declined' THEN 'The owner of the address said that somebody else wrote.'
            WHEN 'revoked' THEN 'The address was confirmed, and a person took that back.'
            ELSE 'The address was asked days ago to confirm itself and has not done so.'
        END || ' Read it; what you write is sent.');
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER outbox_held AFTER UPDATE OF state ON outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'held' AND OLD.state <> 'held') EXECUTE FUNCTION see_to_held();

-- The address is proved, by whatever way: what was held leaves, in order.
CREATE FUNCTION release_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox o SET state = 'pending', due_at = clock_timestamp()
        FROM conversations c
        WHERE c.identifier_id = NEW.identifier_id AND o.conversation_id = c.conversation_id AND o.state = 'held';
    RETURN NULL;
END $$;
CREATE TRIGGER customer_identifiers_proved AFTER UPDATE OF verified_at ON customer_identifiers FOR EACH ROW
    WHEN (OLD.verified_at IS NULL AND NEW.verified_at IS NOT NULL) EXECUTE FUNCTION release_held();

-- Its owner says that somebody else wrote: what was held is never sent.
CREATE FUNCTION drop_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox o SET state = 'cancelled', finished_at = clock_timestamp(),
        error = 'the owner of the address says that somebody else wrote'
        FROM conversations c
        WHERE c.identifier_id = NEW.identifier_id AND o.conversation_id = c.conversation_id AND o.state = 'held';
    RETURN NULL;
END $$;
CREATE TRIGGER confirmations_declined AFTER UPDATE OF state ON confirmations FOR EACH ROW
    WHEN (NEW.state = 'declined') EXECUTE FUNCTION drop_held();

-- How an address is proved by an answer: it came from there, authentic, and names a mail of ours that went there alone.
-- Whose id is in no other mail. 'confirmed' or why not, as confirm_identifier; null when it proves nothing.
CREATE FUNCTION confirm_by_reply(p_conversation uuid, p_message_ids text[]) RETURNS text LANGUAGE sql AS $$
    SELECT confirm_identifier(a.confirmation_id)
    FROM conversations c
    JOIN confirmations a ON a.identifier_id = c.identifier_id AND a.state = 'asked'
    WHERE c.conversation_id = p_conversation AND c.channel = 'email' AND EXISTS (
        SELECT FROM mails x
        WHERE x.conversation_id = c.conversation_id AND x.outbox_id IS NOT NULL AND x.direction = 'outbound'
          AND (x.message_id = ANY (p_message_ids) OR x.rewritten_id = ANY (p_message_ids)))
$$;
