"""The leak suite, labels, training, sweeps, walk-forward and tracking."""
