"""What a user does, one law a file: taste, choice, dwell, boredom, mood, leaving.

Each law is a pure scalar function that kernels and policies share, so that an oracle computes with
exactly the user that the simulator runs.
"""
