"""Training: the step loop, its optimiser, the configuration of a run, checkpoints."""
