"""Adapters, journal, recovery, keys, health, metrics and alerts of live trading."""
