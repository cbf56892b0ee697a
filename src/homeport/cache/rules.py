"""Which rule of the configuration holds for a request."""

from homeport.config.cache import CacheRouteSettings, CacheSettings
from homeport.core.caching import CacheRule, Mode
from homeport.core.types import Key


class Rules:
    """The section `cache`, as requests are looked at."""

    def __init__(self, settings: CacheSettings) -> None:
        self._otherwise = CacheRule(
            exact=settings.exact or settings.semantic is not Mode.OFF,
            semantic=settings.semantic,
            sharing=settings.share,
            ttl_s=round(settings.ttl_seconds),
            sampled=settings.sampled,
            multi_turn=settings.multi_turn,
            corpus=settings.corpus,
        )
        self._routes = tuple((route, _narrowed(route, self._otherwise)) for route in settings.routes)

    def of(self, model: str, key: Key) -> CacheRule:
        """The first route that matches.

        Args:
            model: what the caller asked for.
        """
        for route, rule in self._routes:
            if (not route.models or model in route.models) and _within(key.project, route.projects):
                return rule
        return self._otherwise


def _narrowed(route: CacheRouteSettings, rule: CacheRule) -> CacheRule:
    semantic = rule.semantic if route.semantic is None else route.semantic
    exact = rule.exact if route.exact is None else route.exact
    return CacheRule(
        name=route.name,
        exact=exact or semantic is not Mode.OFF,
        semantic=semantic,
        sharing=rule.sharing if route.share is None else route.share,
        ttl_s=rule.ttl_s if route.ttl_seconds is None else round(route.ttl_seconds),
        sampled=rule.sampled if route.sampled is None else route.sampled,
        multi_turn=rule.multi_turn if route.multi_turn is None else route.multi_turn,
        corpus=rule.corpus if route.corpus is None else route.corpus,
    )


def _within(project: str, projects: tuple[str, ...]) -> bool:
    return not projects or any(project == one or project.startswith(f"{one}/") for one in projects)
