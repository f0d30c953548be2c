"""Every operation cut at every statement, and every two operations meeting with locks held, from typical situations.

The state machine finds long stories; this goes through all the short ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.machine.cast import KINDS, Cast
from tests.integration.machine.channels import FIRST_UNPROVEN
from tests.integration.machine.faults import Cut, When
from tests.integration.machine.world import World

# More than any operation has: the longest, a person's reply that takes over, has 13.
_STATEMENTS = 20
# The last is another thread of the mail's sender, unused so far.
WHATSAPP, MAIL, MAIL_AGAIN = 0, 1, 7
FORM = 2
LINKS = ("unmerge", "confirm", "decline")
Situation = Callable[[Cast], None]
# What takes locks that others may wait for, and what may meet them.
AFTERCARE = ("close", "remind", "survey_yes", "survey_no")
LOCKING = [
    kind
    for kind in KINDS
    if kind not in ("redeliver", "gather", "renew", "reply", "fail", "record", *AFTERCARE, *LINKS)
]
MEETING = [kind for kind in KINDS if kind not in ("redeliver", "fail", "record", *AFTERCARE, *LINKS)]


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    world = World(module_database_url)
    yield world
    world.close()


def begin(world: World, situation: Situation) -> Cast:
    world.begin_example()
    cast = Cast(world, [WHATSAPP, MAIL, MAIL_AGAIN])
    with world.unaudited():
        situation(cast)
    world.check()
    return cast


def running_turn(cast: Cast) -> None:
    """A turn that has gathered, and another customer's message."""
    for pick in (0, 1, 0):
        cast.world.play(cast.accept(pick))
    cast.claim_and_gather(0)


def idle_claim(cast: Cast) -> None:
    """A claim that finds nothing queued, as after a failure that was recorded once too often."""
    running_turn(cast)
    cast.world.play(cast.workers.commit(-1, escalating=False, allow_rerun=False))
    cast.world.side_statement("UPDATE work SET due_at = clock_timestamp() - interval '1 s' WHERE due_at IS NULL")
    cast.claim_and_gather(0)


def taken_over(cast: Cast) -> None:
    """A person has the conversation, the customer writes on, and a turn is about to hold that."""
    cast.world.play(cast.accept(0))
    cast.claim_and_gather(0)
    cast.world.play(cast.workers.commit(-1, escalating=True, allow_rerun=False))
    cast.world.play(cast.people.take(0, 0))
    for pick in (0, 1):
        cast.world.play(cast.accept(pick))
    cast.claim_and_gather(0)


def reply_on_its_way(cast: Cast) -> None:
    """A courier is sending one reply, the next one waits behind it, and a third turn is running."""
    for _ in range(2):
        cast.world.play(cast.accept(0))
        cast.claim_and_gather(0)
        cast.world.play(cast.workers.commit(-1, escalating=False, allow_rerun=False))
    cast.world.play(cast.couriers.claim_sends(1))
    for pick in (0, 1):
        cast.world.play(cast.accept(pick))
    cast.claim_and_gather(0)


def last_try(cast: Cast) -> None:
    """One more fault of the message, or one more crash, and the burst is a dead letter."""
    running_turn(cast)
    cast.world.side_statement("UPDATE work SET attempts_message = 1, attempts_crash = 2")


def last_try_for_nobody(cast: Cast) -> None:
    """As before, and the customer has opted out: not even an acknowledgement may be sent."""
    last_try(cast)
    cast.world.side_statement("UPDATE customer_identifiers SET opted_out_at = now()")
    cast.world.observe()


def waiting_for_a_person(cast: Cast) -> None:
    """The FTE has handed over, and nobody has taken it yet."""
    cast.world.play(cast.accept(0))
    cast.claim_and_gather(0)
    cast.world.play(cast.workers.commit(-1, escalating=True, allow_rerun=False))


def gone_quiet(cast: Cast) -> None:
    """Two customers were answered, and write nothing any more."""
    for pick in (0, 1):
        cast.world.play(cast.accept(pick))
    for pick in (0, 1):
        cast.finish(pick)


def ended(cast: Cast) -> None:
    """Both conversations were assumed to be resolved."""
    gone_quiet(cast)
    for pick in (0, 1):
        cast.world.play(cast.operation("close", pick, 1))


def merged(cast: Cast) -> None:
    """Two customers were found to be one, and both have written since; a turn of theirs is running."""
    for pick in (0, 1):
        cast.world.play(cast.accept(pick))
    cast.world.play(cast.people.merge(0, 1))
    for pick in (1, 0, 2):
        cast.world.play(cast.accept(pick))
    cast.claim_and_gather(1)


def asked_to_confirm(cast: Cast) -> None:
    """A form names the address of a customer by mail, was answered and asks its owner; both write on."""
    for thread in (MAIL, FORM):
        cast.world.play(cast.channels.accept(thread))
    cast.claim_and_gather(1)
    cast.world.play(cast.workers.commit(-1, escalating=False, allow_rerun=False))
    for thread in (FORM, MAIL):
        cast.world.play(cast.channels.accept(thread))
    cast.claim_and_gather(1)


def held_for_its_owner(cast: Cast) -> None:
    """Nobody vouches for who wrote: the answer waits for the owner of the address, and they write on."""
    cast.world.play(cast.channels.accept(FIRST_UNPROVEN))
    cast.claim_and_gather(-1)
    cast.world.play(cast.workers.commit(-1, escalating=False, allow_rerun=False))
    cast.world.play(cast.channels.accept(FIRST_UNPROVEN))
    cast.claim_and_gather(-1)


def remembered(cast: Cast) -> None:
    """The owner of the address has confirmed one conversation, and the answer of another leaves on the word of that."""
    held_for_its_owner(cast)
    cast.world.play(cast.owners.confirm(-1))
    cast.world.play(cast.channels.accept(FIRST_UNPROVEN + 1))
    cast.claim_and_gather(-1)
    cast.world.play(cast.workers.commit(-1, escalating=False, allow_rerun=False))
    (row,) = cast.world.side_statement("SELECT count(*) FROM outbox WHERE remembered_by IS NOT NULL")
    assert row[0] == 1


MEETINGS = (running_turn, idle_claim, taken_over, reply_on_its_way)
SITUATIONS = (
    *MEETINGS,
    last_try,
    last_try_for_nobody,
    waiting_for_a_person,
    gone_quiet,
    ended,
    merged,
    asked_to_confirm,
    held_for_its_owner,
    remembered,
)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_operation_cut_at_any_statement_leaves_nothing_half_done(world: World, situation: Situation, kind: str) -> None:
    # Before a later statement is the same as after the one before it.
    for cut in (Cut(0, When.BEFORE), *(Cut(at, When.AFTER) for at in range(_STATEMENTS))):
        cast = begin(world, situation)
        world.play(cast.operation(kind, 0, 1), cut)
        fired = world.doomed.fired
        world.play(cast.operation(kind, 0, 1))  # whoever lost the answer tries again
        cast.settle()
        if not fired:
            return
    raise AssertionError(f"{kind} has more than {_STATEMENTS} statements")


@pytest.mark.parametrize("situation", MEETINGS)
@pytest.mark.parametrize("kind", LOCKING)
def test_operation_that_waits_before_its_commit_meets_others(world: World, situation: Situation, kind: str) -> None:
    for other in MEETING:
        cast = begin(world, situation)
        world.race(cast.operation(kind, 0, 1), cast.operation(other, 0, 0), skip=0)
        cast.settle()


@pytest.mark.parametrize("kind", [*LOCKING, *AFTERCARE])
def test_aftercare_meets_whoever_else_is_at_work(world: World, kind: str) -> None:
    for situation, care in (
        (gone_quiet, "close"),
        (waiting_for_a_person, "remind"),
        (ended, "survey_yes"),
        (ended, "survey_no"),
    ):
        for one, other in ((care, kind), (kind, care)):
            cast = begin(world, situation)
            world.race(cast.operation(one, 0, 1), cast.operation(other, 0, 1), skip=0)
            cast.settle()


@pytest.mark.parametrize("kind", [*LOCKING, *LINKS])
def test_links_meet_whoever_else_is_at_work(world: World, kind: str) -> None:
    for situation, link in (
        (merged, "unmerge"),
        (asked_to_confirm, "confirm"),
        (asked_to_confirm, "decline"),
        (held_for_its_owner, "confirm"),
        (held_for_its_owner, "decline"),
        (remembered, "decline"),
    ):
        for one, other in ((link, kind), (kind, link)):
            cast = begin(world, situation)
            world.race(cast.operation(one, 0, 1), cast.operation(other, 0, 1), skip=0)
            cast.settle()
