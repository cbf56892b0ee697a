"""How an alert is written for a receiver: one file a shape, chosen by `shape` of a webhook.

A module here, or of the entry-point group `homeport.jobs.shapes`, has
`write(alert: StoredAlert, secret: SecretStr, at: int, link: str) -> Post`; `at` is the time of sending, in seconds,
and `link` an address that people can open, or "".
"""
