-- What an operator must be told of a channel; mail of a path that its owner has vouched for; and the id that WhatsApp
-- gives a sender beside the number.

-- pushed_at: when a push was last acted on. unpushed: how many syncs in a row found mail that a push should have told
-- of and none did; since when. sync_hinted: whether the sync that holds the lease began with a hint.
ALTER TABLE mailboxes
    ADD COLUMN pushed_at timestamptz,
    ADD COLUMN unpushed integer NOT NULL DEFAULT 0,
    ADD COLUMN unpushed_since timestamptz,
    ADD COLUMN sync_hinted boolean NOT NULL DEFAULT false;

-- Searches at the provider for a send of which nobody knows whether it arrived, that found nothing; and the last of them.
ALTER TABLE outbox
    ADD COLUMN vain_lookups integer NOT NULL DEFAULT 0,
    ADD COLUMN vain_at timestamptz;
CREATE INDEX outbox_vain ON outbox (vain_at) WHERE vain_at IS NOT NULL;

-- The alarms that somebody was told of, so that each is said once when it begins and once when it ends.
CREATE TABLE channel_alarms (
    channel    text NOT NULL,
    alarm      text NOT NULL,
    raised_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (channel, alarm)
);

-- sender_path: the network from which our receiving server took a mail of a domain that publishes nothing by which its
-- mail could be known; empty for all other mail, and where that cannot be told.
ALTER TABLE mails ADD COLUMN sender_path text NOT NULL DEFAULT '';
ALTER TABLE confirmations ADD COLUMN sender_path text NOT NULL DEFAULT '';
-- By which earlier confirmation an answer left though its own conversation's address is not proved.
ALTER TABLE outbox ADD COLUMN remembered_by uuid REFERENCES confirmations;

-- The one path by which all mail of a conversation came, or empty.
CREATE FUNCTION path_of_conversation(p_conversation uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(*) = count(x.mail_id) AND count(DISTINCT x.sender_path) = 1 THEN min(x.sender_path) ELSE '' END
    FROM messages m LEFT JOIN mails x ON x.provider_key = m.provider_message_id
    WHERE m.conversation_id = p_conversation AND m.direction = 'inbound'
$$;

-- The confirmation that speaks for mail in this name by this path: its owner has said within thirty days that such a
-- mail was theirs, and nobody has said since that another was not, or taken a confirmation back.
CREATE FUNCTION confirmation_of_path(p_key text, p_path text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT a.confirmation_id FROM confirmations a
    WHERE p_path <> '' AND a.key = p_key AND a.state = 'confirmed' AND a.sender_path = p_path
      AND a.ended_at > now() - interval '30 days'
      AND NOT EXISTS (
          SELECT FROM confirmations d
          WHERE d.key = p_key AND d.state IN ('declined', 'revoked') AND d.ended_at > now() - interval '30 days')
    ORDER BY a.ended_at DESC LIMIT 1
$$;

-- As before, and what is answered to mail of a path that its owner has vouched for leaves at once. Its identifier stays a
-- claim: the turn sees no history, and the answer carries the link by which its owner says that it was not them.
CREATE OR REPLACE FUNCTION write_by_mail() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v               record;
    v_path          text := '';
    v_remembered    uuid;
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
    IF v.channel = 'email' THEN
        -- Whoever answers the request just now does so before this is written, or after, and then sees it.
        PERFORM FROM confirmations WHERE identifier_id = (v.identifier).identifier_id FOR SHARE;
        v_path := path_of_conversation(NEW.conversation_id);
        v_remembered := confirmation_of_path((v.identifier).key, v_path);
        UPDATE confirmations SET sender_path = v_path WHERE confirmation_id = v_confirmation AND v_path <> '';
    END IF;
    -- What is held already keeps its place before this one.
    IF v_remembered IS NOT NULL AND EXISTS (
        SELECT FROM confirmations WHERE identifier_id = (v.identifier).identifier_id AND state = 'asked'
    ) AND NOT EXISTS (
        SELECT FROM outbox WHERE conversation_id = NEW.conversation_id AND state = 'held'
    ) THEN
        UPDATE outbox SET remembered_by = v_remembered WHERE outbox_id = NEW.outbox_id;
        RETURN NULL;
    END IF;
    -- Whose first answers left on the word of an earlier confirmation was not written to yet.
    IF v_confirmation IS NULL AND v.channel = 'email' THEN
        SELECT a.confirmation_id INTO v_confirmation FROM confirmations a
            WHERE a.identifier_id = (v.identifier).identifier_id AND a.state = 'asked'
              AND NOT EXISTS (SELECT FROM outbox o WHERE o.confirmation_id = a.confirmation_id);
    END IF;
    IF v_confirmation IS NOT NULL THEN
        INSERT INTO outbox (conversation_id, kind, confirmation_id, author, owner_epoch, send_token)
            VALUES (NEW.conversation_id, 'confirmation', v_confirmation, 'fte', NEW.owner_epoch, mail_token());
    END IF;
    IF v.channel = 'email' THEN
        UPDATE outbox SET state = 'held' WHERE outbox_id = NEW.outbox_id;
    END IF;
    RETURN NULL;
END $$;

-- Its owner says that somebody else wrote: what was held, or was on its way on the word of an earlier confirmation, is
-- never sent.
CREATE OR REPLACE FUNCTION drop_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox o SET state = 'cancelled', finished_at = clock_timestamp(),
        error = 'the owner of the address says that somebody else wrote'
        FROM conversations c
        WHERE c.identifier_id = NEW.identifier_id AND o.conversation_id = c.conversation_id
          AND (o.state = 'held' OR (o.state = 'pending' AND o.remembered_by IS NOT NULL));
    RETURN NULL;
END $$;

-- WhatsApp's id of a sender whose number it showed in the same signed request: who hides the number later stays the same
-- customer. 'known', 'learned'; 'merged' where the id was a customer of its own; 'another' where the customer has a
-- different id already (a number that changed hands has): then nothing is linked. 'moved': the customer was merged
-- meanwhile; the next message comes to whom they are now.
CREATE FUNCTION learn_whatsapp_user(p_customer uuid, p_user text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_holder  uuid;
BEGIN
    SELECT customer_id INTO v_holder FROM customer_identifiers
        WHERE kind = 'whatsapp_user' AND key = identifier_key('whatsapp_user', p_user)
          AND verified_at IS NOT NULL AND alias_of IS NULL;
    IF v_holder = p_customer THEN
        RETURN 'known';
    END IF;
    IF v_holder IS NULL THEN
        -- The work row is the customer's lock.
        PERFORM FROM work WHERE customer_id = p_customer FOR UPDATE;
    END IF;
    IF EXISTS (SELECT FROM customers WHERE customer_id = p_customer AND merged_into IS NOT NULL) THEN
        RETURN 'moved';
    END IF;
    IF EXISTS (SELECT FROM customer_identifiers WHERE customer_id = p_customer AND kind = 'whatsapp_user') THEN
        RETURN 'another';
    END IF;
    IF v_holder IS NOT NULL THEN
        PERFORM merge_customers(v_holder, p_customer, 'WhatsApp named the number and the user id of one sender');
        RETURN 'merged';
    END IF;
    INSERT INTO customer_identifiers (customer_id, kind, value, verified_at)
        VALUES (p_customer, 'whatsapp_user', p_user, now());
    RETURN 'learned';
END $$;
