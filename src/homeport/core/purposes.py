"""Why we ask models ourselves, beside what callers ask: the ledger has it as the reason of such a request."""

CACHE_JUDGE = "cache:judge"
CACHE_CHECK = "cache:check"
REPLAY = "replay"
QUALITY_JUDGE = "quality:judge"
QUALITY_CHECK = "quality:check"
DRIFT_PROBE = "drift:probe"

OURS = frozenset({CACHE_JUDGE, CACHE_CHECK, REPLAY, QUALITY_JUDGE, QUALITY_CHECK, DRIFT_PROBE})
"""Nobody's product is made of these answers, so their quality is nobody's: they are neither scored nor judged."""
