"""Readers of particular sources; each hands `Source` records to `ingest`."""
