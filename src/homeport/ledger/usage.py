"""Token counts where the upstream reported none."""

from homeport.core.types import Usage

_CHARS_PER_TOKEN = 4
"""English text in common vocabularies: OpenAI's rule of thumb, and 4.2 on the contract passages."""


def estimate(input_chars: int, output_events: int, output_chars: int = 0) -> Usage:
    """Usage of an answer that was cut or did not say: marked as an estimate.

    Args:
        input_chars: characters of the prompt.
        output_events: content events of a stream so far, about one token each.
        output_chars: characters of an answer that came whole.
    """
    return Usage(
        input_tokens=-(-input_chars // _CHARS_PER_TOKEN),
        output_tokens=output_events + output_chars // _CHARS_PER_TOKEN,
        estimated=True,
    )
