"""Prometheus rules, made by code: one name for what several engines count, and alerts."""
