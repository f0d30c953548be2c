"""The pure core of the lock actors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.workers.lock_table import Answer, LockTable


def make_table(**limits: int) -> LockTable:
    return LockTable(lease_s=10.0, confirm_s=1.0, **limits)


def test_first_come_first_served() -> None:
    table = make_table()
    assert table.request("c", "a", 0.0) is Answer.GRANTED
    assert table.request("c", "b", 0.1) is Answer.QUEUED
    assert table.request("c", "d", 0.2) is Answer.QUEUED
    assert table.release("c", "a", 0.3) == "b"
    assert table.release("c", "b", 0.4) == "d"
    assert table.release("c", "d", 0.5) is None
    assert len(table) == 0


def test_customers_do_not_wait_for_each_other() -> None:
    table = make_table()
    assert table.request("c1", "a", 0.0) is Answer.GRANTED
    assert table.request("c2", "b", 0.0) is Answer.GRANTED


def test_an_unconfirmed_grant_expires_fast_and_a_confirmed_one_lives_a_lease() -> None:
    table = make_table()
    table.request("c", "a", 0.0)
    table.request("c", "b", 0.0)
    assert table.expire("c", 0.9) is None
    assert table.renew("c", "a", 0.9)
    assert table.expire("c", 10.8) is None
    assert table.expire("c", 10.9) == "b"
    assert not table.renew("c", "a", 10.9), "the former holder learns that it lost the lock"
    assert table.renew("c", "b", 11.0)


def test_a_waiter_that_gives_up_is_never_granted() -> None:
    table = make_table()
    for token in ("a", "b", "d"):
        table.request("c", token, 0.0)
    assert table.release("c", "b", 0.1) is None
    assert table.release("c", "a", 0.2) == "d"


def test_waiters_are_bounded_per_customer_and_in_all() -> None:
    table = make_table(waiters_per_customer=2, waiters_limit=3)
    answers = [table.request("c1", token, 0.0) for token in "abcd"]
    assert answers == [Answer.GRANTED, Answer.QUEUED, Answer.QUEUED, Answer.REFUSED]
    table.request("c2", "e", 0.0)
    assert table.request("c2", "f", 0.0) is Answer.QUEUED
    assert table.request("c2", "g", 0.0) is Answer.REFUSED
    assert table.waiting == 3


def test_ended_holds_are_forgotten_but_not_those_that_somebody_waits_for() -> None:
    table = make_table()
    table.request("alone", "a", 0.0)
    table.request("wanted", "b", 0.0)
    table.request("wanted", "d", 0.0)
    table.forget_expired(5.0)
    assert len(table) == 1
    assert table.expires_at("wanted") == 1.0


steps = st.lists(
    st.tuples(
        st.sampled_from(["request", "renew", "release", "expire"]),
        st.integers(0, 2),
        st.integers(0, 5),
        st.floats(0.0, 3.0),
    ),
    max_size=60,
)


@given(steps)
def test_at_most_one_token_holds_a_lock_and_grants_follow_the_queue(
    plan: list[tuple[str, int, int, float]],
) -> None:
    table = make_table()
    now = 0.0
    holder: dict[str, str | None] = {}
    queue: dict[str, list[str]] = {}
    used = 0
    for action, customer_number, token_number, pause in plan:
        now += pause
        customer = f"c{customer_number}"
        waiting = queue.setdefault(customer, [])
        granted = table.expire(customer, now)
        if granted is not None:
            assert granted == waiting.pop(0)
            holder[customer] = granted
        if action == "request":
            used += 1
            token = f"t{used}"
            answer = table.request(customer, token, now)
            if answer is Answer.GRANTED:
                assert not waiting, "a newcomer never overtakes who waits"
                holder[customer] = token
            elif answer is Answer.QUEUED:
                waiting.append(token)
        elif action == "release":
            token = holder.get(customer) if token_number < 3 else (waiting[0] if waiting else None)
            if token is not None:
                follower = table.release(customer, token, now)
                if token in waiting:
                    waiting.remove(token)
                    assert follower is None
                elif follower is not None:
                    assert follower == waiting.pop(0)
                    holder[customer] = follower
        elif action == "renew" and (token := holder.get(customer)) is not None and table.renew(customer, token, now):
            assert all(not table.renew(customer, other, now) for other in waiting)
    assert table.waiting == sum(map(len, queue.values()))
