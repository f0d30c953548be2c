-- name: accept_message
-- Stores one inbound message with all that belongs to it, or finds the one that an earlier delivery stored. A message
-- of the form is screened in the same statement, and waits in quarantine where there is a reason.
-- $1 text: channel
-- $2 text: the provider's message id, the deduplication key within the channel
-- $3 text: thread key
-- $4 text: identifier kind
-- $5 text: identifier value
-- $6 boolean: whether the channel proved the identifier
-- $7 text: display name
-- $8 text: subject
-- $9 text: body
-- $10 text: category or null
-- $11 text: priority or null
-- $12 bytea: hash of the request or null
-- $13 boolean: synthetic
-- $14 interval: how long after its end a resolved conversation is reopened
-- $15 text: reasons for quarantine that the form saw, separated by commas, or null for what is not screened
-- $16 integer: requests an hour that one address may be named in, or null as above
-- $17 bytea: who sent it, or null where that is not known
-- $18 integer: requests an hour that one sender may make, or null as above
SELECT * FROM accept_screened(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, string_to_array($15, ','), $16, $17, $18
)

-- name: accept_together
-- As accept_message, for the messages of one transaction, an array of each argument; the answers are in their order. It
-- waits for nobody's lock for long.
-- $1 text[]: channels
-- $2 text[]: the providers' message ids, the deduplication keys within the channels
-- $3 text[]: thread keys
-- $4 text[]: identifier kinds
-- $5 text[]: identifier values
-- $6 boolean[]: whether the channel proved the identifier
-- $7 text[]: display names
-- $8 text[]: subjects
-- $9 text[]: bodies
-- $10 text[]: categories, or null
-- $11 text[]: priorities, or null
-- $12 bytea[]: hashes of the requests, or null
-- $13 boolean[]: synthetic
-- $14 interval: how long after its end a resolved conversation is reopened
-- $15 text[]: reasons for quarantine that the form saw, separated by commas, or null for what is not screened
-- $16 integer[]: requests an hour that one address may be named in, or null as above
-- $17 bytea[]: who sent it, or null where that is not known
-- $18 integer[]: requests an hour that one sender may make, or null as above
-- $19 boolean[]: whether one before it has its message id, its thread or its proven sender
SELECT * FROM accept_together($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)

-- name: accept_with_extras
-- As accept_message, with the files that the message names at its provider, and with the customer's word on being
-- written to where the message is that: it is handled here, before any turn.
-- $1 text: channel
-- $2 text: the provider's message id, the deduplication key within the channel
-- $3 text: thread key
-- $4 text: identifier kind
-- $5 text: identifier value
-- $6 boolean: whether the channel proved the identifier
-- $7 text: display name
-- $8 text: subject
-- $9 text: body
-- $10 text: category or null
-- $11 text: priority or null
-- $12 bytea: hash of the request or null
-- $13 boolean: synthetic
-- $14 interval: how long after its end a resolved conversation is reopened
-- $15 text: reasons for quarantine that the form saw, separated by commas, or null for what is not screened
-- $16 integer: requests an hour that one address may be named in, or null as above
-- $17 bytea: who sent it, or null where that is not known
-- $18 integer: requests an hour that one sender may make, or null as above
-- $19 text[]: addresses of the files
-- $20 text[]: what kinds the provider says they are
-- $21 boolean: true for an opt-out, false for an opt-in, null for a message that is neither
-- $22 text: the text that confirms it, empty for none
-- $23 text: token that names the confirmation's send at the provider
SELECT * FROM accept_with_extras(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, string_to_array($15, ','), $16, $17, $18, $19, $20, $21, $22, $23
)

-- name: accept_suppressed
-- Stores a message that no turn is to answer, with its end, or finds the one that an earlier delivery stored.
-- $1 text: channel
-- $2 text: the provider's message id, the deduplication key within the channel
-- $3 text: thread key
-- $4 text: identifier kind
-- $5 text: identifier value
-- $6 boolean: whether the channel proved the identifier
-- $7 text: display name
-- $8 text: subject
-- $9 text: body
-- $10 text: why it is not answered
-- $11 text: what people read to whom its conversation goes, or null when it goes to nobody
SELECT * FROM accept_suppressed($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
