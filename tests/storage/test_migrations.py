"""A database of an earlier release: what is in it goes on."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from homeport.core.types import Key
from homeport.storage import db
from homeport.storage.db import schema_version, upgrade, writing
from homeport.storage.keys import list_keys
from homeport.storage.tables import SCHEMA_HEAD

MIGRATIONS = Path(db.__file__).parent / "migrations"
OLD_KEY = "INSERT INTO keys VALUES ('key_old', 'old', 'digest', 1, NULL, NULL, 'open', '[\"m\"]', '[]')"


def at(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_a_key_of_the_first_release_may_infer_as_before(empty: Engine) -> None:
    engine = empty
    at(engine, "0001")
    with writing(engine) as connection:
        connection.execute(text(OLD_KEY))
    assert upgrade(engine)
    assert schema_version(engine) == SCHEMA_HEAD
    assert [stored.key for stored in list_keys(engine)] == [Key(id="key_old", name="old", models=frozenset({"m"}))]
