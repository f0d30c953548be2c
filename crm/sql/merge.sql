-- name: merge_customers
-- Moves all that is one customer's to another; returns the merge.
-- $1 uuid: source
-- $2 uuid: target
-- $3 text: evidence
SELECT merge_customers($1, $2, $3)

-- name: undo_merge
-- Gives the source of a merge back what was its own, and what came since over its identifiers.
-- $1 uuid: merge
-- $2 text: operator
SELECT undo_merge($1, $2)

-- name: fetch_merges
-- Merges, the latest first, with both customers as they were named.
-- $1 uuid: of this customer only, or null for all
-- $2 integer: at most so many
SELECT g.merge_id, g.source_id, s.name AS source_name, g.target_id, t.name AS target_name, g.evidence,
       cardinality(g.conversation_ids) AS conversations, g.created_at, g.undone_at, g.undone_by
FROM customer_merges g
JOIN customers s ON s.customer_id = g.source_id
JOIN customers t ON t.customer_id = g.target_id
WHERE $1::uuid IS NULL OR g.source_id = $1 OR g.target_id = $1
ORDER BY g.merge_id DESC
LIMIT $2

-- name: learn_whatsapp_user
-- Keeps WhatsApp's id of a sender beside the number: 'known', 'learned', 'merged', 'another', 'moved'.
-- $1 uuid: customer
-- $2 text: the id
SELECT learn_whatsapp_user($1, $2)
