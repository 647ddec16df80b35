"""How fast the engine is, next to a bare loop of the same rule and to vectorbt, on workloads with known answers."""
