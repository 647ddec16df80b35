"""Features: incremental kernels, one observation at a time, in training and in trading alike."""
