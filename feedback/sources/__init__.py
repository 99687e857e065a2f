"""Where feedback comes from: people at a keyboard, recordings, simulated teachers; one interface."""

from feedback.sources.base import EvaluationSource, Moment, PreferenceSource
from feedback.sources.recorded import RecordedSource
from feedback.sources.teachers import OracleTeacher, Teacher, TeacherConfig

__all__ = [
    "EvaluationSource",
    "Moment",
    "OracleTeacher",
    "PreferenceSource",
    "RecordedSource",
    "Teacher",
    "TeacherConfig",
]
