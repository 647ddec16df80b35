"""The state machine, features, ledger, risk and the simulated broker: numpy and numba only, no I/O."""
