"""Mail itself: bytes to what a customer wrote (start with reading.py), and an answer to bytes (writing.py).

Pure functions: no network, no database, no settings. Which mailbox a mail came from, and what is done with it, is
the business of the channel that fetched it.
"""
