"""Adapters to Alpaca: requests, streams, decoding, orders, history; all over alpaca-py."""
