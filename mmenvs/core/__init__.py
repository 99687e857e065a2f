"""The machinery that every world shares: the simulator contract, its two faces, randomness, threads."""
