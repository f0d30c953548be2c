"""The pure core: what a turn is and how it is decided. No Ray, no FastAPI, no asyncpg, no torch.

The modules at the top are everybody's: `records`, `ports` (what the core needs from outside), `errors`, `times`,
`log_fields`, `shared_calls`, `token_bucket`, `channel_health`, `article_pages`, `hosts`.
The packages import downwards only, and those on one line do not know each other; import-linter checks both:

    workers                     what works through the queues: turn worker, dispatch, delivery, their locks and pace
    turn | policy | knowledge   what a turn decides | when a person must | documents to articles and chunks
    reply                       what a customer reads
    text                        how a customer's words are read
    service                     when people are there, and what an operator rules about service
    ports | times | log_fields | shared_calls | token_bucket | channel_health | article_pages | hosts
    mail_records
    records | errors

A turn meets policy, knowledge search and models as Protocols. To follow one message, read `workers.turn_worker`, then
`turn.turn`.
"""
