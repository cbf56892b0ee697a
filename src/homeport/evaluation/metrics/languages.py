"""What language a text is in, by its script and its commonest words: enough to see that an answer is in another one.

It says nothing rather than something doubtful: short texts, mixed ones and languages that are not here are in none.
"""

import re
from collections import Counter
from collections.abc import Mapping

from homeport.evaluation.metrics.texts import cut

MOST_CHARS = 4_000
_LEAST_LETTERS = 16
_LEAST_SIGNS = 6
_LEAST_HITS = 3
_LEAST_SHARE = 0.1
_MARGIN = 1.4
_MAIN = 0.7

_ASIDE = re.compile(r"```.{0,4000}?(?:```|\Z)|`[^`\n]{1,200}`|https?://\S{1,300}|\S{1,64}@\S{1,64}", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")

_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "latin": re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
    "cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "greek": re.compile(r"[\u0370-\u03ff]"),
    "hebrew": re.compile(r"[\u0590-\u05ff]"),
    "arabic": re.compile(r"[\u0600-\u06ff]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
    "hangul": re.compile(r"[\uac00-\ud7af]"),
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
}
_OF_ONE_LANGUAGE = {"greek": "el", "hebrew": "he", "devanagari": "hi", "thai": "th", "hangul": "ko"}
_BY_LETTERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cyrillic": (("uk", "іїєґ"), ("ru", "ыэё")),
    "arabic": (("ur", "ٹڈڑے"), ("fa", "پچژگ"), ("ar", "ةىإأ")),
}
"""Letters that tell a script's languages apart, tried in this order."""

COMMON: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "en": "the and of to is in that it for you are with this not be on as have can will from your what by was "
        "which or an if they how there has we do more would",
        "de": "der die das und ist nicht ich sie es ein eine zu den mit für von auf dem auch sich werden wird kann "
        "sind wie oder aber bei nach wenn zum zur durch über haben wir ihr einen einem",
        "fr": "le la les des est et une un du que qui dans pour pas vous il elle sur avec ce cette sont par plus ne "
        "au aux être ou mais comme peut votre nous ces leur",
        "es": "el la los las es que y una un del para por con no se como más su al lo pero sus está son puede esta "
        "este cuando muy también fue hay sobre entre ser",
        "it": "il la di che è e un una per non con sono del della dei gli le si come più ma anche nel alla questo "
        "questa può essere ha dal delle loro suo quando perché",
        "pt": "o a os as é que e um uma do da dos das para com não se por mais como ao em no na mas foi ser está são "
        "pode seu sua também muito quando você isso",
        "nl": "de het een en van is niet dat in je op te zijn voor met die ook er aan om maar bij wordt kan als door "
        "naar ik deze dit worden hebben heeft nog wel geen uw",
        "sv": "och att det är en som på av för med inte den till jag har de om ett kan du var eller från vi men så "
        "ska blir också när där detta",
        "da": "og at det er en som på af for med ikke den til jeg har de om et kan du var eller fra vi men så skal "
        "bliver også når der dette hvad være av å",
        "pl": "i w nie na się że jest z do to jak co ale za od po czy o dla są być tak przez może tym ten który jego "
        "oraz które lub tylko ich",
        "cs": "a je na se že v to s z do jak ale po pro by jsou nebo tak jako být který co si od může jeho které "
        "také jen má této při už když",
        "fi": "ja on ei se että hän ovat oli myös kun niin mutta tai voi ole jos kuin tämä joka mitä siitä sekä "
        "sen ne olla voit ovat näin mukaan",
        "tr": "ve bir bu için ile de da çok olarak daha ne gibi kadar en ama sonra olan var veya değil her ise "
        "olduğu şey ben sen mi olabilir tarafından",  # noqa: RUF001  Turkish
        "ro": "și de la în este nu cu pe care un o să din pentru mai sunt că au ce se dar prin poate fi sau ca "
        "aceasta acest fost lui după când",
        "hu": "a az és hogy nem is egy van ez de meg csak el volt vagy mint ha már lehet ki még ezt azt után kell "
        "mely illetve amely minden",
        "id": "yang dan di untuk dengan ini tidak dari itu dalam akan pada adalah anda ke bisa atau juga saya oleh "
        "sebagai dapat ada karena mereka kita lebih",
    }.items()
}

_NAMED = re.compile(
    r"\b(?:translat|übersetz|tradu[cizs]|vertaa?l|översätt|oversæt|tłumacz|překlad|çevir|terjemah"
    r"|english|german|french|spanish|italian|portuguese|dutch|swedish|danish|norwegian|polish|czech|finnish|turkish"
    r"|romanian|hungarian|indonesian|russian|ukrainian|greek|hebrew|arabic|hindi|thai|korean|japanese|chinese|mandarin"
    r"|latin\b|deutsch|englisch|französisch|spanisch|italienisch|portugiesisch|chinesisch|japanisch|russisch"
    r"|français|anglais|allemand|espagnol|italien|chinois|español|inglés|alemán|francés|inglese|tedesco|francese"
    r"|português|inglês|nederlands|engels|engelska|engelsk|angielsk|anglick|englanni|ingilizce|english"
    r"|language|sprache|langue|idioma|lingua|taal|språk)"
    r"|翻译|翻譯|英文|中文|英語|日本語|英语|翻訳|영어|한국어|번역|перевод|перевед|английск|русск|язык|англійськ",
    re.IGNORECASE,
)


def language_of(text: str) -> str:
    """Its code in ISO 639-1, or ""; `da` stands for Norwegian too."""
    read = _ASIDE.sub(" ", cut(text)[:MOST_CHARS])
    counts = {name: len(pattern.findall(read)) for name, pattern in _SCRIPTS.items()}
    letters = sum(counts.values())
    if counts["kana"] + counts["han"] >= max(_LEAST_SIGNS, _MAIN * letters):
        return "ja" if counts["kana"] * 10 >= counts["han"] else "zh"
    script = max(counts, key=lambda name: counts[name])
    if letters < _LEAST_LETTERS or counts[script] < _MAIN * letters:
        return ""
    if script == "latin":
        return _by_words(_WORD.findall(read.lower()))
    return _OF_ONE_LANGUAGE.get(script) or _by_letters(script, read)


def names_a_language(text: str) -> bool:
    """Whether it speaks of a language, or of translating: then an answer in another one may be what is wanted."""
    return _NAMED.search(cut(text)) is not None


def _by_letters(script: str, text: str) -> str:
    return next((name for name, letters in _BY_LETTERS.get(script, ()) if any(one in text for one in letters)), "")


def _by_words(words: list[str]) -> str:
    counts = Counter(words)
    hits = {name: sum(counts[word] for word in common) for name, common in COMMON.items()}
    best, second = sorted(hits, key=lambda name: -hits[name])[:2]
    enough = hits[best] >= max(_LEAST_HITS, _LEAST_SHARE * len(words))
    return best if enough and hits[best] >= _MARGIN * hits[second] else ""
