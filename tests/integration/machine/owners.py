"""What owners of addresses say when a form has named them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from crm.confirmations import Answer, Confirmations
from crm.database import Database
from tests.integration.machine.actor import Actor, choose
from tests.integration.machine.model import Operation, Outcome

_ASKED = """
SELECT a.confirmation_id, a.state, a.identifier_id, h.customer_id AS holder_id
FROM confirmations a
JOIN customer_identifiers i ON i.identifier_id = a.identifier_id
LEFT JOIN customer_identifiers h
    ON h.kind = i.kind AND h.key = i.key AND h.verified_at IS NOT NULL AND h.alias_of IS NULL
ORDER BY a.confirmation_id
"""
_CLAIM = "SELECT customer_id, verified_at IS NOT NULL AS verified FROM customer_identifiers WHERE identifier_id = $1"
_LATE = {"declined": Answer.DECLINED, "revoked": Answer.REVOKED, "limited": Answer.UNKNOWN}


class Owners(Actor):
    def confirm(self, pick: int) -> Operation | None:
        asked = choose(self._world.side_statement(_ASKED), pick)
        if asked is None:
            return None

        def expect(outcome: Outcome) -> None:
            if asked["state"] == "asked":
                assert outcome is Answer.CONFIRMED
                (claim,) = self._world.side_statement(_CLAIM, asked["identifier_id"])
                assert claim["verified"]
                assert asked["holder_id"] in (None, claim["customer_id"]), "one address, two customers"
            else:
                assert outcome is _LATE.get(asked["state"], Answer.REPEATED)
            self._world.observe()  # which customers it made one, the auditor sees

        return self._operation(lambda answers: answers.confirm(asked["confirmation_id"]), expect)

    def decline(self, pick: int) -> Operation | None:
        asked = choose(self._world.side_statement(_ASKED), pick)
        if asked is None:
            return None

        def expect(outcome: Outcome) -> None:
            expected = {"asked": Answer.DECLINED, "declined": Answer.REPEATED, "confirmed": Answer.CONFIRMED}
            assert outcome is (expected | {"revoked": Answer.REVOKED}).get(asked["state"], Answer.UNKNOWN)

        return self._operation(lambda answers: answers.decline(asked["confirmation_id"]), expect)

    def _operation(
        self, say: Callable[[Confirmations], Awaitable[Answer]], expect: Callable[[Outcome], None]
    ) -> Operation:
        async def run(database: Database) -> Outcome:
            return await say(Confirmations(database))

        return Operation(run, expect)
