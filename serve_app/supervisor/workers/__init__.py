"""How a laptop's Ray gets its workers: forked from a process that has loaded what each of them needs.

The raylet runs `start_worker` where it would run Ray's own worker script; that asks the `fork_server`, or becomes an
ordinary worker when there is none (docs/decisions/0016).
"""
