"""Where feedback comes from: people at a keyboard, recordings, simulated teachers; one interface."""

from feedback.sources.base import EvaluationSource, ImplicitFeedbackSource, Moment, PreferenceSource
from feedback.sources.implicit import ImplicitConfig, ImplicitSource
from feedback.sources.recorded import RecordedSource
from feedback.sources.teachers import TEACHERS, OracleTeacher, Teacher, TeacherConfig, make_teacher

__all__ = [
    "TEACHERS",
    "EvaluationSource",
    "ImplicitConfig",
    "ImplicitFeedbackSource",
    "ImplicitSource",
    "Moment",
    "OracleTeacher",
    "PreferenceSource",
    "RecordedSource",
    "Teacher",
    "TeacherConfig",
    "make_teacher",
]
