"""The articles as customers read them: the pages' look and texts, and what shows them from memory.

Start with `pages`; `look` makes the documents.
"""
