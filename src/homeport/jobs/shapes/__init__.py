"""How an alert is written for a receiver: one file a shape, chosen by `shape` of a webhook.

A module here, or of the entry-point group `homeport.jobs.shapes`, has
`write(alert: StoredAlert, secret: SecretStr, at: int) -> Post`; `at` is the time of sending, in seconds.
"""
