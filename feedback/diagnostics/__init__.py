"""What a store of labels, and a reward learned from it, are worth.

:mod:`feedback.diagnostics.report` puts together what the other modules measure, each by itself: what was
labelled (``overview``), how far labellers can be relied on (``consistency``), whether a reward ranks as they
do (``agreement``), whether its probabilities hold (``calibration``), how far it is from the true one
(``epic``), and whether an agent is exploiting it (``hacking``).
"""
