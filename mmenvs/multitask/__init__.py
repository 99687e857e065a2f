"""Several tasks behind one observation space and one action space."""
