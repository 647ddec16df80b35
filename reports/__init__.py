"""Metrics, statistics and the HTML report, computed from run folders alone."""
