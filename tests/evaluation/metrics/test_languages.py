"""Languages that are told, and texts of which nothing is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.evaluation.metrics.base import Message, Sample
from homeport.evaluation.metrics.language import language
from homeport.evaluation.metrics.languages import COMMON, language_of, names_a_language

TEXTS = {
    "en": "The tenant has to return the keys on the last day of the lease, and the landlord will check the rooms.",
    "de": "Der Mieter muss die Schlüssel am letzten Tag zurückgeben, und der Vermieter wird die Räume prüfen.",
    "fr": "Le locataire doit rendre les clés le dernier jour du bail, et le propriétaire va vérifier les pièces.",
    "es": "El inquilino tiene que devolver las llaves el último día del contrato y el dueño revisará la casa.",
    "it": "L'inquilino deve restituire le chiavi l'ultimo giorno del contratto e il proprietario controlla la casa.",
    "pt": "O inquilino tem de devolver as chaves no último dia do contrato e o proprietário não pode entrar antes.",
    "nl": "De huurder moet de sleutels op de laatste dag van het contract teruggeven en de verhuurder is er ook.",
    "sv": "Hyresgästen ska lämna nycklarna den sista dagen och hyresvärden får inte komma in i lägenheten innan det.",
    "da": "Lejeren skal aflevere nøglerne på den sidste dag, og udlejeren må ikke komme ind i lejligheden før det.",
    "pl": "Najemca musi oddać klucze w ostatnim dniu umowy, a właściciel nie może wejść do mieszkania, jak to jest.",
    "cs": "Nájemce musí vrátit klíče v poslední den smlouvy a majitel se na byt podívá, jak je to možné.",
    "fi": "Vuokralaisen on palautettava avaimet ja hän ei voi jäädä, mutta omistaja voi olla siinä kun se on niin.",
    "tr": "Kiracı anahtarları son gün iade etmek için gelir ve bu bir kuraldır, ama ev sahibi de daha sonra gelir.",  # noqa: RUF001  its own letters
    "ro": "Chiriașul trebuie să predea cheile în ultima zi și proprietarul nu poate să intre mai devreme la el.",
    "hu": "A bérlőnek vissza kell adnia a kulcsokat, és a tulajdonos nem léphet be, ha még nem telt le az idő.",
    "id": "Penyewa harus mengembalikan kunci pada hari terakhir dan pemilik tidak dapat masuk dengan cara itu.",
    "ru": "Арендатор должен вернуть ключи в последний день договора, и владелец проверит все комнаты.",
    "uk": "Орендар має повернути ключі в останній день договору, і власник перевірить усі кімнати.",  # noqa: RUF001  its own letters
    "el": "Ο ενοικιαστής πρέπει να επιστρέψει τα κλειδιά την τελευταία ημέρα.",  # noqa: RUF001  its own letters
    "he": "השוכר חייב להחזיר את המפתחות ביום האחרון של החוזה.",
    "ar": "يجب على المستأجر إعادة المفاتيح في اليوم الأخير من العقد إلى المالك.",
    "hi": "किरायेदार को अंतिम दिन चाबियाँ लौटानी होंगी।",
    "th": "ผู้เช่าต้องคืนกุญแจในวันสุดท้ายของสัญญา",
    "ko": "세입자는 계약 마지막 날에 열쇠를 돌려주어야 합니다.",
    "ja": "借主は契約の最終日に鍵を返さなければなりません。",
    "zh": "租户必须在合同的最后一天归还钥匙，房东会检查房间。",  # noqa: RUF001  its own letters
}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_language_is_told(name: str) -> None:
    assert language_of(TEXTS[name]) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "42",
        "Paris",
        "OK.",
        "def f(x): return x",
        "```\nthe and of to is in that it for you\n```",
        "lorem ipsum " * 9,
        f"{TEXTS['en']} {TEXTS['ru']}",
        "https://example.org/the/and/of/to " * 5,
    ],
)
def test_of_little_or_of_a_mixture_nothing_is_said(text: str) -> None:
    assert language_of(text) == ""


def test_every_list_of_words_is_found_by_itself() -> None:
    for name, words in COMMON.items():
        assert language_of(" ".join(sorted(words))) == name


@pytest.mark.parametrize(
    "text",
    [
        "Translate this.",
        "Bitte auf Englisch antworten",
        "Réponds en français",
        "¿Cómo se dice en inglés?",
        "请用英文回答",
        "Напиши по-английски",
    ],
)
def test_who_names_a_language_may_want_another_one(text: str) -> None:
    assert names_a_language(text)


@pytest.mark.parametrize("asked", sorted(TEXTS))
@pytest.mark.parametrize("answered", ["en", "de", "ru"])
def test_an_answer_in_another_language_fails(asked: str, answered: str) -> None:
    found = language(Sample(messages=(Message("user", TEXTS[asked]),), output=TEXTS[answered]))
    assert found is not None
    assert found.passed is (asked == answered)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_what_the_system_asks_for_is_no_failure(role: str) -> None:
    messages = (Message(role, "Always answer in German."), Message("user", TEXTS["en"]))
    assert language(Sample(messages=messages, output=TEXTS["de"])) is None


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    assert len(language_of(text)) in (0, 2)
