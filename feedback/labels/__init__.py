"""What a person, or a teacher standing in for one, said about a piece of behaviour.

A label is a frozen dataclass that says what was judged (:class:`Clip`), what the judgement is, who gave it,
when, and how long it took.  :meth:`Label.to_dict` and :func:`label_from_dict` turn it into plain JSON data
and back without loss; :class:`feedback.store.LabelStore` keeps it.

=================  =================================================================
label              what it says
=================  =================================================================
Preference         which of two clips is better, or that they are equal or incomparable
Ranking            several clips in order
Rating             1 to 5 stars for a clip
Evaluation         + or -, or a number, at one moment
Intervention       a person took over: what the agent wanted, what the person did
Demonstration      a person showed how it is done
Correction         "this instead"
Implicit           a click, a dwell, a skip
=================  =================================================================

A new kind of label is a new subclass: it registers itself under its class name, and the store and the round
trip need no change.
"""

from feedback.labels.acting import Action, Correction, Demonstration, Intervention
from feedback.labels.base import DIGEST_LENGTH, Clip, Label, label_from_dict
from feedback.labels.comparing import Choice, Preference, Ranking, Side
from feedback.labels.implicit import Implicit, Signal
from feedback.labels.judging import Evaluation, Rating

__all__ = [
    "DIGEST_LENGTH",
    "Action",
    "Choice",
    "Clip",
    "Correction",
    "Demonstration",
    "Evaluation",
    "Implicit",
    "Intervention",
    "Label",
    "Preference",
    "Ranking",
    "Rating",
    "Side",
    "Signal",
    "label_from_dict",
]
