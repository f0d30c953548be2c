"""Chaos: processes of a running system are killed with `kill -9` while customers write, and nothing may get lost.

`victims` finds the processes of one copy, `schedule` says whom to kill when, `strikes` kills and waits until the
victim is back, `customers` are the load, `verdict` compares what they sent with what is stored, `run` puts it
together. Start with `python -m load.chaos --help`.
"""
