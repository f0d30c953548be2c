"""How a customer's words are read: words and sentences, small talk, synonyms, and what is searched for.

Start with `query`. A small base for the packages above it and for `models`; it decides nothing.
"""
