"""How well an episode was driven, one file per metric.

The numbers that a metric gathers lie in one row per world, described in
:mod:`~mmenvs.driving.metrics.columns`; :mod:`~mmenvs.driving.metrics.episode` starts, feeds and reads all of
them.  Every function is a scalar function that kernels can call.
"""
