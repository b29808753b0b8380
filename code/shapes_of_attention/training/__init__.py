"""Training: one loop for every model, with runs that can be stopped, resumed and repeated."""
