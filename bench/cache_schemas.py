"""Questions of several trades as forms: in several words, and with twists that make them other questions."""

import msgspec


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """Questions of one form.

    Attributes:
        base: with {a}, {b} and {n} for names and a number.
        same: other words for the same, by how they differ.
        other: words for something else, by how they differ.
    """

    base: str
    a: tuple[str, ...]
    b: tuple[str, ...] = ("",)
    n: tuple[int, ...] = (0,)
    same: tuple[tuple[str, str], ...]
    other: tuple[tuple[str, str], ...]


_CITIES = ("Lisbon", "Oslo", "Vienna", "Prague", "Dublin", "Kyoto", "Lima", "Nairobi", "Seattle", "Montreal")
_OTHER_CITIES = ("Hamburg", "Porto", "Geneva", "Osaka", "Boston", "Cairo")
_PRODUCTS = ("Falcon router", "Heron modem", "Osprey camera", "Kestrel switch", "Merlin hub", "Condor drive")
_PLANS = ("basic", "team", "business", "enterprise", "student", "family")
_DISHES = ("rice", "lentils", "barley", "quinoa", "potatoes", "chickpeas", "pasta", "beetroot")
_DRUGS = ("ibuprofen", "aspirin", "paracetamol", "cetirizine", "loratadine", "naproxen")
_LANGUAGES = ("Python", "Rust", "Java", "Go", "Kotlin", "Ruby")
_PEOPLE = ("Marie Curie", "Alan Turing", "Ada Lovelace", "Isaac Newton", "Emmy Noether", "Niels Bohr")
_COUNTRIES = ("Portugal", "Norway", "Kenya", "Peru", "Japan", "Canada", "Ireland", "Austria")

SCHEMAS = (
    Schema(
        base="How do I get from {a} to {b} by train?",
        a=_CITIES,
        b=_OTHER_CITIES,
        same=(
            ("synonym", "How can I travel from {a} to {b} by train?"),
            ("rotation", "By train, how do I get from {a} to {b}?"),
        ),
        other=(
            ("order", "How do I get from {b} to {a} by train?"),
            ("scope", "How do I get from {a} to {b} by bus?"),
            ("negation", "How do I get from {a} to {b} without a train?"),
        ),
    ),
    Schema(
        base="How many bags of up to {n} kg may a passenger take on a flight to {a}?",
        a=_CITIES,
        n=(10, 15, 20, 23, 32),
        same=(
            ("synonym", "How many bags of up to {n} kilograms may a passenger take on a flight to {a}?"),
            ("rotation", "On a flight to {a}, how many bags of up to {n} kg may a passenger take?"),
        ),
        other=(
            ("number", "How many bags of up to {m} kg may a passenger take on a flight to {a}?"),
            ("order", "How many bags of up to {n} kg may a passenger take on a flight from {a}?"),
        ),
    ),
    Schema(
        base="What is the warranty period of the {a}?",
        a=_PRODUCTS,
        same=(
            ("contraction", "What's the warranty period of the {a}?"),
            ("synonym", "How long is the warranty of the {a}?"),
            ("rotation", "The {a}: what is its warranty period?"),
        ),
        other=(
            ("negation", "What is not covered in the warranty period of the {a}?"),
            ("scope", "What is the extended warranty period of the {a}?"),
            ("scope", "What is the return period of the {a}?"),
        ),
    ),
    Schema(
        base="How do you reset the {a} after {n} failed logins?",
        a=_PRODUCTS,
        n=(3, 5, 8, 10),
        same=(
            ("synonym", "How does one reset the {a} after {n} failed logins?"),
            ("rotation", "After {n} failed logins, how do you reset the {a}?"),
        ),
        other=(
            ("number", "How do you reset the {a} after {m} failed logins?"),
            ("order", "How do you reset the {a} before {n} failed logins?"),
            ("scope", "How do you update the {a} after {n} failed logins?"),
        ),
    ),
    Schema(
        base="Which features are included in the {a} plan for {n} users?",
        a=_PLANS,
        n=(5, 10, 25, 50, 100),
        same=(
            ("synonym", "What features are included in the {a} plan for {n} users?"),
            ("synonym", "Which features does the {a} plan for {n} users include?"),
        ),
        other=(
            ("negation", "Which features are not included in the {a} plan for {n} users?"),
            ("number", "Which features are included in the {a} plan for {m} users?"),
            ("scope", "Which discounts are included in the {a} plan for {n} users?"),
        ),
    ),
    Schema(
        base="Can a customer on the {a} plan cancel before the end of month {n}?",
        a=_PLANS,
        n=(1, 3, 6, 12),
        same=(("synonym", "Is a customer on the {a} plan able to cancel before the end of month {n}?"),),
        other=(
            ("order", "Can a customer on the {a} plan cancel after the end of month {n}?"),
            ("number", "Can a customer on the {a} plan cancel before the end of month {m}?"),
            ("negation", "Why can't a customer on the {a} plan cancel before the end of month {n}?"),
        ),
    ),
    Schema(
        base="How long should {a} be boiled for {n} people?",
        a=_DISHES,
        n=(2, 4, 6, 8),
        same=(
            ("synonym", "How many minutes should {a} be boiled for {n} people?"),
            ("rotation", "For {n} people, how long should {a} be boiled?"),
        ),
        other=(
            ("number", "How long should {a} be boiled for {m} people?"),
            ("scope", "How long should {a} be steamed for {n} people?"),
            ("scope", "How long should {a} be soaked for {n} people?"),
        ),
    ),
    Schema(
        base="Is it safe to take {a} with {b}?",
        a=_DRUGS,
        b=("coffee", "milk", "alcohol", "grapefruit juice"),
        same=(("synonym", "Is taking {a} with {b} safe?"), ("contraction", "It's safe to take {a} with {b}, right?")),
        other=(
            ("negation", "Is it unsafe to take {a} with {b}?"),
            ("scope", "Is it safe for children to take {a} with {b}?"),
            ("order", "Is it safe to take {a} after {b}?"),
            ("negation", "Is it safe to take {a} without {b}?"),
        ),
    ),
    Schema(
        base="What is the maximum daily dose of {a} for an adult of {n} kg?",
        a=_DRUGS,
        n=(50, 60, 75, 90),
        same=(
            ("contraction", "What's the maximum daily dose of {a} for an adult of {n} kg?"),
            ("synonym", "What is the highest daily dose of {a} for an adult of {n} kg?"),
            ("rotation", "For an adult of {n} kg, what is the maximum daily dose of {a}?"),
        ),
        other=(
            ("number", "What is the maximum daily dose of {a} for an adult of {m} kg?"),
            ("scope", "What is the minimum daily dose of {a} for an adult of {n} kg?"),
            ("scope", "What is the maximum weekly dose of {a} for an adult of {n} kg?"),
        ),
    ),
    Schema(
        base="How do you read a file line by line in {a}?",
        a=_LANGUAGES,
        same=(
            ("synonym", "How does one read a file line by line in {a}?"),
            ("synonym", "How can you read a file line by line using {a}?"),
            ("rotation", "In {a}, how do you read a file line by line?"),
        ),
        other=(
            ("scope", "How do you write a file line by line in {a}?"),
            ("scope", "How do you read a file byte by byte in {a}?"),
            ("negation", "How do you read a file in {a}, but not line by line?"),
        ),
    ),
    Schema(
        base="How do you convert {b} to a string in {a}?",
        a=_LANGUAGES,
        b=("an integer", "a date", "a list", "a float"),
        same=(
            ("synonym", "How do you turn {b} into a string in {a}?"),
            ("rotation", "In {a}, how do you convert {b} to a string?"),
        ),
        other=(
            ("order", "How do you convert a string to {b} in {a}?"),
            ("negation", "How do you avoid converting {b} to a string in {a}?"),
        ),
    ),
    Schema(
        base="When did {a} first visit {b}?",
        a=_PEOPLE,
        b=("Paris", "Berlin", "London", "Princeton"),
        same=(
            ("synonym", "In what year did {a} first visit {b}?"),
            ("synonym", "When was the first visit of {a} to {b}?"),
        ),
        other=(
            ("scope", "When did {a} last visit {b}?"),
            ("order", "When did {a} first leave {b}?"),
            ("negation", "When did {a} refuse to visit {b}?"),
            ("name", "When did {c} first visit {b}?"),
        ),
    ),
    Schema(
        base="Does {a} have a higher population than {b}?",
        a=_COUNTRIES,
        b=("Belgium", "Chile", "Ghana", "Nepal"),
        same=(
            ("synonym", "Is the population of {a} higher than that of {b}?"),
            ("synonym", "Does {a} have a larger population than {b}?"),
        ),
        other=(
            ("order", "Does {b} have a higher population than {a}?"),
            ("scope", "Does {a} have a lower population than {b}?"),
            ("scope", "Does {a} have a higher area than {b}?"),
            ("name", "Does {c} have a higher population than {b}?"),
        ),
    ),
    Schema(
        base="What documents does a citizen of {a} need for a visa of {n} days?",
        a=_COUNTRIES,
        n=(30, 60, 90, 180),
        same=(
            ("synonym", "Which documents does a citizen of {a} need for a visa of {n} days?"),
            ("synonym", "What documents are needed by a citizen of {a} for a visa of {n} days?"),
            ("rotation", "For a visa of {n} days, what documents does a citizen of {a} need?"),
        ),
        other=(
            ("number", "What documents does a citizen of {a} need for a visa of {m} days?"),
            ("negation", "What documents does a citizen of {a} not need for a visa of {n} days?"),
            ("name", "What documents does a citizen of {c} need for a visa of {n} days?"),
        ),
    ),
    Schema(
        base="How can I change the delivery address of my {a} order?",
        a=_PRODUCTS,
        same=(
            ("synonym", "How do I change the shipping address of my {a} order?"),
            ("synonym", "How can I update the delivery address of my {a} order?"),
        ),
        other=(
            ("scope", "How can I change the billing address of my {a} order?"),
            ("negation", "How can I keep the delivery address of my {a} order?"),
        ),
    ),
)
