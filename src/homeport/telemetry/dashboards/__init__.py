"""Grafana dashboards, made by code: one file for each."""
