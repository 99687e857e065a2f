"""Training on Ray RLlib, where one machine is not enough: ``python -m agents distributed``.

Only :mod:`agents.distributed.config` can be imported without Ray; ``pip install 'mmenvs[rllib]'`` brings it.
"""
