-- What went out in a conversation, in order: a mail's thread goes on from it, and the desk lists what went beside it.
CREATE INDEX outbox_conversation ON outbox (conversation_id, position);
