"""The catalogue, ingestion, quality rules, calendars and corporate actions."""
