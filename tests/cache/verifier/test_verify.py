"""The verifier on pairs written for it: what it must serve, and what it must never serve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.cache.verifier.verify import Verifier
from homeport.core.caching import Mode

VERIFIER = Verifier()

SAME = [
    ("How do I reset my password?", "how do i reset my password"),
    ("How do I reset my password?", "Hi, how can I reset my password please? Thanks"),
    ("What's the price of a ticket?", "What is the price of a ticket"),
    ("Who is the director of Jaws?", "Who is the dirctor of Jaws?"),
    ("How many days are in twenty one weeks?", "How many days are in 21 weeks?"),
    ("Is 1,000 a large number?", "Is 1000 a large number?"),
    ("Can you tell me where the museum is?", "Where is the museum?"),
    ("What colour is the sky?", "what color is the sky?"),
    ("What is H₂O?", "what is H2O"),
    ("What`s a (small) atom?", "what's a small atom"),
    ("WHAT IS A TAX?", "what is a tax?"),
    ("Is 5 MB a lot?", "is 5 mb a lot"),
]

OTHER = [
    ("Cancel my order", "Don't cancel my order"),
    ("Cancel order 4711", "Cancel order 4171"),
    ("Is Lisbon larger than Porto?", "Is Porto larger than Lisbon?"),
    ("Who is Jon Smith?", "Who is John Smith?"),
    ("How do I get from Rome to Pisa?", "How do I get from Pisa to Rome?"),
    ("Is he a doctor?", "Was he a doctor?"),
    ("Should I eat before the run?", "Should I eat after the run?"),
    ("What is the form for?", "What is the from for?"),
    ("What does adduction of an arm mean?", "What does abduction of an arm mean?"),
    ("Is the payer liable?", "Is the payee liable?"),
]


MEANT = [
    # synonyms, in their forms
    ("How do I purchase a sofa?", "How do I buy a couch?"),
    ("Who is hiring drivers?", "Who is recruiting drivers?"),
    ("What is the currency of the UK?", "What is the currency of the United Kingdom?"),
    # other ways to ask
    ("What does a stamp cost?", "What is the price of a stamp?"),
    ("How come birds sing?", "Why do birds sing?"),
    ("Is a guest allowed to smoke here?", "May a guest smoke here?"),
    ("Does a pilot have to retire at 65?", "Must a pilot retire at 65?"),
    ("I want to plant a tree. How do I go about it?", "How can I plant a tree?"),
    ("Do you have any books on trees?", "Are there books on trees?"),
    # voice and roles
    ("Was the letter written by Clara?", "Did Clara write the letter?"),
    ("Is Tom hated by Rita?", "Does Rita hate Tom?"),
    ("Did Rita buy the boat from Tom?", "Did Tom sell the boat to Rita?"),
    ("Is Rita taller than Tom?", "Is Tom shorter than Rita?"),
    ("Is Rita married to Tom?", "Is Tom married to Rita?"),
    # order
    ("Which is cheaper, tea or coffee?", "Which is cheaper, coffee or tea?"),
    ("In Java, how do I read a file?", "How do I read a file in Java?"),
    ("How do I get to Ulm from Bonn?", "How do I get from Bonn to Ulm?"),
    # who is meant
    ("If Rita and Tom met, would he laugh?", "If Rita and Tom met, would Tom laugh?"),
    # numbers, units, degrees
    ("Do I need at least 3 stamps?", "Do I need three or more stamps?"),
    ("Is 5 kg of rice enough?", "Is 5 kilograms of rice enough?"),
    ("How can I become more polite?", "How can I become less rude?"),
]

NOT_MEANT = [
    ("Was Clara hated by Tom?", "Was Tom hated by Clara?"),
    ("Did Rita buy the boat from Tom?", "Did Rita sell the boat to Tom?"),
    ("Is Rita taller than Tom?", "Is Rita shorter than Tom?"),
    ("Does Rita trust Tom?", "Does Tom trust Rita?"),
    ("If Rita and Tom met, would he laugh?", "If Rita and Tom met, would she laugh?"),
    ("Do cats chase mice and dogs chase cars?", "Do cats chase dogs and mice chase cars?"),
    ("How do I fly from Ulm to Bonn and Kiel to Rome?", "How do I fly from Ulm to Kiel and Bonn to Rome?"),
    ("I know Go and Rust. Is the former easier?", "I know Rust and Go. Is the former easier?"),
    ("Do I need at least 3 stamps?", "Do I need at most 3 stamps?"),
    ("May a guest smoke here?", "Must a guest smoke here?"),
    ("Only Tom told Rita. Who knows?", "Tom only told Rita. Who knows?"),
    ("How can I become more polite?", "How can I become more rude?"),
    ("Is there a clinic for women?", "Is there a clinic for children?"),
    ("Do all birds fly?", "Do some birds fly?"),
    ("Is Rita a nurse?", "Is Rita a former nurse?"),
    ("How often do buses run?", "How do buses run?"),
    ("Do you sell cat food?", "Food do you sell cat?"),
    ("If Tom and John met, would he laugh?", "If Tom and John met, would Tom laugh?"),
    ("If Tom and John met, would he laugh?", "If Tom and John met, would John laugh?"),
    ("What is vitamin A?", "What are vitamins?"),
    ("Do few people agree?", "Do a few people agree?"),
    ("In what year was he born?", "On what date was he born?"),
    ("Is this shoe good for me?", "Is this shoe good?"),
    ("Did Tom lose to Rita?", "Did Tom beat Rita?"),
    ("Were 2 apples and 3 pears sold?", "Were 3 apples and 2 pears sold?"),
    ("Can I pay 5 dollars?", "Can I pay 5 pounds?"),
    ("Is the meeting at 7am?", "Is the meeting at 7pm?"),
    ("Is -5 colder than 2?", "Is 5 colder than 2?"),
    # signs and letters that a text is not the same without
    ("What is 5²?", "What is 52?"),
    ("What is 2⁸ in decimal?", "What is 28 in decimal?"),
    ("What is log₂8?", "What is log28?"),
    ("What is 101₂?", "What is 1012?"),
    ("What is 5! divided by 3?", "What is 5 divided by 3?"),
    ("What is (2+3)*4?", "What is 2+(3*4)?"),
    ("What is (2 plus 3) times 4?", "What is 2 plus (3 times 4)?"),
    ("What does ls -R do?", "What does ls -r do?"),
    ("What does `ls` do to `A`?", "What does `ls` do to `a`?"),
    ("What does ! mean in C?", "What does ? mean in C?"),
    ("What does '!' mean in C?", "What does '?' mean in C?"),
    ("Is our office in the US?", "Is our office in the us?"),
    ("How long do 5 Mb take?", "How long do 5 MB take?"),
    ("How long do 5 MB take at 8 MBps?", "How long do 5 MB take at 8 Mbps?"),
    ("Is 5MW a lot?", "Is 5mW a lot?"),
    ("Do I need mg?", "Do I need Mg?"),
    ("Is polish sold here?", "Is Polish sold here?"),
    ("Why is 'A' not the same as b?", "Why is 'a' not the same as b?"),
    ("What does the -- operator do?", "What does the - operator do?"),
    # a mistake in typing, or another word
    ("Who owns the county?", "Who owns the country?"),
    ("Where is the admin?", "Where is the adman?"),
]


@pytest.mark.parametrize(("asked", "kept"), MEANT)
def test_what_means_the_same_is_served_where_words_may_differ(asked: str, kept: str) -> None:
    for one, other in ((asked, kept), (kept, asked)):
        assert VERIFIER.rule(one, other, 0.9, Mode.BALANCED).same


def test_other_words_are_not_served_where_the_same_are_asked_for() -> None:
    asked, kept = MEANT[0]
    assert not VERIFIER.rule(asked, kept, 0.99, Mode.STRICT).same


@pytest.mark.parametrize(("asked", "kept"), NOT_MEANT)
def test_what_means_something_else_is_never_served(asked: str, kept: str) -> None:
    for mode in (Mode.STRICT, Mode.BALANCED):
        assert not VERIFIER.rule(asked, kept, 0.99, mode).same
        assert not VERIFIER.rule(kept, asked, 0.99, mode).same


@pytest.mark.parametrize("mode", [Mode.STRICT, Mode.BALANCED])
@pytest.mark.parametrize(("asked", "kept"), SAME)
def test_the_same_is_served(asked: str, kept: str, mode: Mode) -> None:
    assert VERIFIER.rule(asked, kept, 0.9, mode).same
    assert VERIFIER.rule(kept, asked, 0.9, mode).same


@pytest.mark.parametrize("mode", [Mode.STRICT, Mode.BALANCED])
@pytest.mark.parametrize(("asked", "kept"), OTHER)
def test_something_else_is_not_served(asked: str, kept: str, mode: Mode) -> None:
    assert not VERIFIER.rule(asked, kept, 0.99, mode).same
    assert not VERIFIER.rule(kept, asked, 0.99, mode).same


@pytest.mark.parametrize(
    ("asked", "kept", "reason"),
    [
        ("Is 4 an even number?", "Is 6 an even number?", "number"),
        ("Can I park here?", "Can I not park here?", "negations"),
        ("Where is Oslo?", "Where is Bern?", "name"),
        ("Does Rita trust Tom?", "Does Tom trust Rita?", "order"),
        ("Is it his dog?", "Is it her dog?", "pronouns"),
        ("Did he sing?", "Does he sing?", "times"),
        ("Where does he sing?", "Why does he sing?", "asking"),
        ("What do frogs eat?", "What do newts eat?", "word"),
        ("Who is in IT?", "Who is in it?", "case"),
    ],
)
def test_a_difference_is_named_and_no_judge_is_asked(asked: str, kept: str, reason: str) -> None:
    ruling = VERIFIER.rule(asked, kept, 0.99, Mode.BALANCED)
    assert (ruling.same, ruling.reason, ruling.doubtful) == (False, reason, False)


def test_what_only_differs_in_its_words_is_left_to_a_judge() -> None:
    asked, kept = "How do I get rid of moss on a lawn?", "How do I stop moss from growing on a lawn?"
    assert VERIFIER.rule(asked, kept, 0.9, Mode.BALANCED).doubtful
    assert not VERIFIER.rule(asked, kept, 0.75, Mode.BALANCED).doubtful
    assert not VERIFIER.rule(asked, kept, 0.9, Mode.STRICT).doubtful


def test_what_is_far_is_not_served() -> None:
    assert VERIFIER.rule("How do I go?", "how do i go", 0.5, Mode.BALANCED).reason == "far"


def test_nothing_is_served_where_it_is_off() -> None:
    assert not VERIFIER.rule("a", "a", 1.0, Mode.OFF).same


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=300))
def test_every_pair_is_ruled_the_same_way_round(one: str, other: str) -> None:
    assert VERIFIER.rule(one, other, 0.9, Mode.BALANCED) == VERIFIER.rule(other, one, 0.9, Mode.BALANCED)
    assert VERIFIER.rule(one, one, 1.0, Mode.STRICT).same


WORDS = st.sampled_from(
    ["how", "do", "I", "pay", "7", "or", "the", "bill", "of", "Anna", "May", "is", "not", "than", "12"]
)


@given(st.lists(WORDS, max_size=12), st.integers(0, 999), st.integers(0, 999), st.integers(0, 12))
def test_another_number_is_never_the_same(words: list[str], one: int, other: int, at: int) -> None:
    asked, kept = ([*words[:at], str(number), *words[at:]] for number in (one, other))
    assert VERIFIER.rule(" ".join(asked), " ".join(kept), 1.0, Mode.BALANCED).same == (one == other)
