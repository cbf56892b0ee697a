"""Zero overspend: many clients, several gateways, one cap, and one process killed midway.

The upstream keeps its own bill, so what was really spent is known apart from our ledger.
"""
