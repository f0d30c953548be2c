"""E-mail through Gmail: pushes verified, a mailbox read from a cursor, replies sent as drafts.

Start at sync.py for what comes in and at sender.py for what goes out.
"""
