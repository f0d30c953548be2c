"""The pure core: what a turn is and how it is decided. No Ray, no FastAPI, no asyncpg, no torch.

Start with `records` (the words), `ports` (what the core needs from outside), then `worker` (one customer's
turn from lock to commit) and `turn` (what the turn decides).
"""
