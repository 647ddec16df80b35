"""What decides: strategies, models' inference and the meta-controller."""
