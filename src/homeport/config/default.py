"""The configuration that `homeport init` and a first `homeport up` write."""

from importlib.resources import files


def default_yaml() -> str:
    """Text of the default homeport.yaml, comments included."""
    return files("homeport.config").joinpath("default.yaml").read_text(encoding="utf-8")
