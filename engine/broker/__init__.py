"""The simulated broker: it keeps resting orders, matches them against market events and charges costs.

It has a record of its own and tells the account nothing but order events, exactly as a live broker would.
"""
