"""Logs of recommenders: kept in files, judged off-policy, and turned into users of the simulator."""

from __future__ import annotations

from mmenvs.recommender.data.calibration import CalibratedUsers, calibrate
from mmenvs.recommender.data.comparison import compare_logs
from mmenvs.recommender.data.estimators import (
    Estimate,
    direct_method,
    doubly_robust,
    ips,
    per_decision_ips,
    snips,
    trajectory_ips,
)
from mmenvs.recommender.data.logs import Logs
from mmenvs.recommender.data.metrics import (
    auc,
    expected_calibration_error,
    kl_divergence,
    ks_distance,
    two_sample_auc,
)
from mmenvs.recommender.data.parameters import PRIORS, Parameter
from mmenvs.recommender.data.recording import Recording, record, record_target
from mmenvs.recommender.data.report_card import ReportCard

__all__ = [
    "PRIORS",
    "CalibratedUsers",
    "Estimate",
    "Logs",
    "Parameter",
    "Recording",
    "ReportCard",
    "auc",
    "calibrate",
    "compare_logs",
    "direct_method",
    "doubly_robust",
    "expected_calibration_error",
    "ips",
    "kl_divergence",
    "ks_distance",
    "per_decision_ips",
    "record",
    "record_target",
    "snips",
    "trajectory_ips",
    "two_sample_auc",
]
