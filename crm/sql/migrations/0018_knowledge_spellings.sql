-- The words of the articles as they are written there, by which a slip of the pen in a question is mended. Made anew by
-- every sync.
CREATE TABLE knowledge_spellings (
    word  text PRIMARY KEY
);
