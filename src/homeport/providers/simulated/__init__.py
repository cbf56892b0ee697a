"""An upstream that lives in this process and calls no model: for demos, tests and chaos.

It speaks OpenAI's wire format, says in each answer that it is simulated, and fails on purpose where its
options ask for it. `homeport sim` is the same as a server of its own, with more dialects and faults.
"""

from homeport.providers.simulated.provider import SPOKEN, SURFACES, Simulated, SimulatedOptions, connect

__all__ = ["SPOKEN", "SURFACES", "Simulated", "SimulatedOptions", "connect"]
