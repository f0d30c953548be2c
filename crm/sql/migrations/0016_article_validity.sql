-- Until when an article says that it is right. Past it, and long after it was last looked at, it ranks lower.
ALTER TABLE knowledge_base ADD COLUMN valid_until timestamptz;
