"""What works through the queues: turns, dispatch and delivery, and how many run at once and in what order.

Start with `turn_worker` (one customer's turn from lock to commit), `dispatch` and `delivery`; both loops are a
`waking_loop`. `deployments` runs each of them in a replica.
"""
