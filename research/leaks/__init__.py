"""The leak suite: what was done by a time must not depend on what became known after it."""
