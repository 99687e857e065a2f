"""Networks and training for observations of many modalities.

::

    python -m agents quickstart
    python -m agents train mmenvs/PathPlanning-v0 --algo ppo --steps 300_000
    python -m agents distributed mmenvs/PathPlanning-v0 --runners 4
    python -m agents evaluate runs/PathPlanning-v0-ppo-seed0
    python -m agents export runs/PathPlanning-v0-ppo-seed0 --to policy.onnx

The parts, each in its own module: :class:`agents.multimodal.MultimodalEncoder`, its face for
Stable-Baselines3 :class:`agents.extractor.MultimodalExtractor`, :class:`agents.vec_env.GymVecEnv`,
:func:`agents.training.train`, on Ray :func:`agents.distributed.training.train_distributed`,
:func:`agents.evaluation.evaluate`, :func:`agents.export.export_policy` and :class:`agents.deployed.Policy`.
"""
