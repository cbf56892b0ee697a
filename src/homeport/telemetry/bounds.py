"""How many values each label may have on the metrics page of one gateway process."""

MOST_REQUESTS = 2_000
"""Combinations of surface, tier, model and outcome."""

MOST_MODELS = 128
"""Pairs of tier and model."""

MOST_ATTEMPTS = 1_000
"""Pairs of model and error code."""

MOST_CODES = 200
"""Error codes, and reasons."""

MOST_UPSTREAMS = 128
"""Engines, and their replicas."""

MOST_KINDS = 32
"""Words of a short list, such as the ways in which a cache answers."""

MOST_ALERTS = 100
"""Kinds of alerts with their severities, and webhooks with their states."""

MOST_QUALITY = 1_000
"""Routes with their metrics."""

MOST_OBJECTIVES = 300
"""Pairs of objective and indicator: a configuration has at most 100 objectives."""
