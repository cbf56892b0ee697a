"""A configuration with engines of ours and of others; nothing of it is there."""

from homeport.config.schema import Settings

SETTINGS = Settings.model_validate(
    {
        "packages": {"p": {"source": "/weights.gguf"}},
        "engines": {
            "mine": {"engine": "llamacpp", "package": "p", "hourly_cost_usd": "0.1", "profile": {"slots": 3}},
            "theirs": {"engine": "external", "url": "http://127.0.0.1:1/v1", "hourly_cost_usd": "0.1"},
            "nobodys": {"engine": "external", "url": "http://127.0.0.1:1/v1", "hourly_cost_usd": "0.1"},
        },
        "tiers": [
            {"name": "t", "targets": [{"model": "qwen3:4b", "engine": "theirs"}, {"model": "m", "engine": "mine"}]}
        ],
    }
)
