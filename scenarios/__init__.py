"""Scenario files, their schema, shocks and the runner."""
