-- Under what an article stands in the help centre; empty for none.
ALTER TABLE knowledge_base ADD COLUMN category text NOT NULL DEFAULT '';
