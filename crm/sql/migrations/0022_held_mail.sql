-- As before, by way of the customer, whose conversations have an index: what is held and never confirmed stays for ever,
-- so looking through all of it, or through all conversations, takes longer with each year.
CREATE OR REPLACE FUNCTION release_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox o SET state = 'pending', due_at = clock_timestamp()
        FROM customer_identifiers i JOIN conversations c ON c.customer_id = i.customer_id AND c.identifier_id = i.identifier_id
        WHERE i.identifier_id = NEW.identifier_id AND o.conversation_id = c.conversation_id AND o.state = 'held';
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION drop_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox o SET state = 'cancelled', finished_at = clock_timestamp(),
        error = 'the owner of the address says that somebody else wrote'
        FROM customer_identifiers i JOIN conversations c ON c.customer_id = i.customer_id AND c.identifier_id = i.identifier_id
        WHERE i.identifier_id = NEW.identifier_id AND o.conversation_id = c.conversation_id
          AND (o.state = 'held' OR (o.state = 'pending' AND o.remembered_by IS NOT NULL));
    RETURN NULL;
END $$;
