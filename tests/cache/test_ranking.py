"""Which entry goes first, and that nobody waits long while those that are gone are left out."""

from homeport.cache.expiry import Expiry
from homeport.cache.ranking import Line, Ranked, Ranking
from homeport.core.caching import Card
from tests.cache.test_shelf import SECOND
from tests.storage.entries import name as ident


class Looked(dict[bytes, Ranked]):
    """Counts how many entries are looked for."""

    looks = 0

    def get(self, entry_id: bytes, default: object = None) -> Ranked | None:  # type: ignore[override]
        self.looks += 1
        return super().get(entry_id)

    def __contains__(self, entry_id: object) -> bool:
        self.looks += 1
        return super().__contains__(entry_id)


def ranked(number: int, cost: int) -> Ranked:
    return Ranked(Card(id=ident(number), partition=b"p", tenant="a", expires_at=0, size=1, cost=cost))


def test_the_one_that_is_worth_least_is_told_while_others_are_left_out_a_few_at_a_time() -> None:
    known, line, ranking = Looked(), Line(), Ranking()
    for number in range(1_000):
        known[ident(number)] = one = ranked(number, cost=number * 37 % 1_000)
        line.join(ranking.enter(one))
    for number in range(999):
        del known[ident(number)]
        known.looks = 0
        line.tidy(known, len(known))
        assert known.looks <= 10
        first = line.first(known)
        assert first is not None
        assert known[first].worth == min(one.worth for one in known.values())
    assert len(line) < 100


def test_one_that_comes_again_and_again_has_one_place() -> None:
    known, line, ranking = Looked(), Line(), Ranking()
    for cost in range(1_000):
        known[ident(1)] = one = ranked(1, cost)
        line.join(ranking.enter(one))
        line.tidy(known, 1)
    assert len(line) < 100
    assert line.first(known) == ident(1)
    known[ident(1)] = other = ranked(1, 1)
    Line().join(ranking.enter(other))
    assert line.first(known) is None, "it is in another line now"


def test_what_ends_late_and_is_gone_is_left_out_ten_seconds_at_a_time() -> None:
    known, expiry = Looked(), Expiry()
    for number in range(1_000):
        known[ident(number)] = ranked(number, 1)
        expiry.add(ident(number), number * SECOND)
    for number in range(1_000):
        del known[ident(number)]
        known.looks = 0
        expiry.tidy(known)
        assert known.looks <= 10
    assert sum(map(len, expiry._slots.values())) < 300
