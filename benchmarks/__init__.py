"""Scripts that measure: speed, start-up, learning, feedback. Run each one alone."""
