-- What people do at the desk is kept with who did it, and what they assigned stands.

-- Who wrote a person's reply, and who ended an escalation.
ALTER TABLE messages ADD COLUMN operator text;
ALTER TABLE escalations ADD COLUMN closed_by text;

-- The FTE sets category and priority at its commits; what a person assigned only a person changes. An update that
-- is a person's says so by a new assigned_at.
ALTER TABLE tickets
    ADD COLUMN category_assigned boolean NOT NULL DEFAULT false,
    ADD COLUMN priority_assigned boolean NOT NULL DEFAULT false,
    ADD COLUMN assigned_by text,
    ADD COLUMN assigned_at timestamptz;
CREATE FUNCTION keep_assigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.category_assigned THEN
        NEW.category := OLD.category;
    END IF;
    IF OLD.priority_assigned THEN
        NEW.priority := OLD.priority;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tickets_keep_assigned BEFORE UPDATE OF category, priority ON tickets FOR EACH ROW
    WHEN (OLD.assigned_at IS NOT NULL AND NEW.assigned_at IS NOT DISTINCT FROM OLD.assigned_at)
    EXECUTE FUNCTION keep_assigned();

-- The desk's list and what has changed in it: live escalations, then the closed ones, the latest first.
CREATE INDEX escalations_live ON escalations (severity, created_at) WHERE status IN ('open', 'taken');
CREATE INDEX escalations_closed ON escalations (closed_at DESC) WHERE status IN ('handed_back', 'resolved');
CREATE INDEX escalations_conversation ON escalations (conversation_id, created_at);
