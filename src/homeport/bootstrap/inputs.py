"""What reads prompts, to see whether they are those of before."""

from homeport.config.home import Home
from homeport.drift.prompt_features import PromptReader
from homeport.embeddings.choose import Model, open_embedder
from homeport.evaluation.metrics.languages import language_of

_RECORDED = b"recording"


def recording_reader(home: Home) -> PromptReader:
    """What reads the prompts of a recording. Raises ConfigError where the embedder cannot be loaded."""
    return PromptReader(open_embedder(Model.STATIC, home.root), language_of, _RECORDED)
