"""How a customer's words are read: words and sentences, small talk, and what of a text is searched for and embedded.

Start with `query`. A small base for the packages above it and for `models`; it decides nothing.
"""
