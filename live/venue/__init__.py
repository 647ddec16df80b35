"""A local venue: it speaks Alpaca's protocol on loopback and replays recorded markets.

`recording` opens a dataset or scenario; `core` holds the venue's time, its account (`desk`, on the engine's own
`Counter`) and what has happened so far (`history`); `trading`, `market_data` and `side` are its REST, `streams` its
websockets, `pace` decides when time goes on, `faults` what goes wrong. `server` puts all of it on one port.

What it serves, the side channel and the script of faults are described in ``docs/venue.md``.
"""
