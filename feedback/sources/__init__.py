"""Where feedback comes from: people at a keyboard, recordings, simulated teachers; one interface."""

from feedback.sources.base import (
    EvaluationSource,
    ImplicitFeedbackSource,
    InterventionSource,
    Moment,
    PreferenceSource,
)
from feedback.sources.drivers import DriverConfig, InterveningDriver
from feedback.sources.implicit import ImplicitConfig, ImplicitSource
from feedback.sources.recorded import RecordedSource
from feedback.sources.teachers import TEACHERS, OracleTeacher, Teacher, TeacherConfig, make_teacher

__all__ = [
    "TEACHERS",
    "DriverConfig",
    "EvaluationSource",
    "ImplicitConfig",
    "ImplicitFeedbackSource",
    "ImplicitSource",
    "InterveningDriver",
    "InterventionSource",
    "Moment",
    "OracleTeacher",
    "PreferenceSource",
    "RecordedSource",
    "Teacher",
    "TeacherConfig",
    "make_teacher",
]
