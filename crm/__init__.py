"""Postgres: the truth and the queue. Start with `sql/migrations`, then `inbox` (accept), `turns` (claim to
commit), `outbox` (what the courier does) and `desk` (what people do). Repositories run one query each."""
