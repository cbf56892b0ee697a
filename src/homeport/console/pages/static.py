"""Style, scripts and pictures. What is asked for is looked up among the names of the files, and never opened."""

from homeport.console.answers import Answer, Asset
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.errors import NotFound


def page(parts: Parts) -> Page:
    """Without a place in the navigation."""
    assets = parts.skin.assets

    async def show(visit: Visit) -> Answer:
        found = assets.get(visit.words["name"])
        if found is None:
            raise NotFound("there is no such file", hint="load the page again")
        return Asset(kind=found.kind, data=found.data)

    return Page(title="", path="", routes={"GET /console/static/{name}": show})
