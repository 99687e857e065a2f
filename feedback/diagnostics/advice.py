"""The standing words of a report: what each section asks, how to read it, and what to do if it is bad."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """The words of one section.

    Attributes:
        title: The question that it answers.
        reading: How to read its picture.
        remedy: What to do if it is bad.
    """

    title: str
    reading: str
    remedy: str


#: Section to its words, in the order of a report.
ADVICE: dict[str, Advice] = {
    "hacking": Advice(
        "Is the reward being hacked?",
        "Both returns should rise together. A learned return that rises while the true one, or the "
        "agreement on held-out pairs, falls is won by a mistake of the reward.",
        "Ask for labels on what the agent does now, fit again, and go back to an agent of before the alarm.",
    ),
    "agreement": Advice(
        "Does the reward rank as the labellers do?",
        "Each dot is the share of pairs ranked as the labeller did, with its 95 % interval. Only held-out "
        "pairs say how the reward does on new behaviour; half is a coin.",
        "Ask for more labels. If pairs learned from are ranked well and held-out ones badly, make the model "
        "smaller or fit it for fewer epochs; if one labeller is far below the others, look at those "
        "answers.",
    ),
    "calibration": Advice(
        "Do its probabilities hold?",
        "A dot on the dashed line is right as often as the model says. Its size is the number of pairs, the "
        "pale bar its 95 % interval, and the orange line what it is off by.",
        "Divide the scores by the temperature (above 1 if the model is too sure), hold more pairs out, or "
        "raise the weight decay; until then trust no choice of questions that goes by its probabilities.",
    ),
    "distance": Advice(
        "How far is it from the true reward?",
        "Each dot is a clip; the nearer they lie to a rising line, the better. The distance leaves aside "
        "what changes no best policy: a factor, and potential shaping, as far as coarse features of the "
        "observations can express it.",
        "Look at the clips farthest from the line and ask about behaviour like theirs. People may also want "
        "something other than the environment's reward: then the distance is no fault.",
    ),
    "consistency": Advice(
        "Do labellers agree with themselves and each other?",
        "Each dot is the share of pairs that got the same answer twice, with its 95 % interval; kappa is "
        "the share beyond chance. No reward can agree with labellers more than they do.",
        "Make the clips longer, allow 'equal' and 'cannot say', and settle with the labellers what counts.",
    ),
    "habits": Advice(
        "Do labellers look at both sides, and take their time?",
        "Sides are drawn at random, so that the left one should win half of the time: the dashed line "
        "belongs within each interval. Of times the median and the middle half are drawn. Numbers count "
        "answers.",
        "Leave hasty answers out, ask such pairs again with the sides changed, and ask for breaks.",
    ),
    "overview": Advice(
        "What was labelled?",
        "Each line is a labeller; where it is steep, labelling goes fast.",
        "A line that flattens tells of tiredness or of hard questions: ask less at a time.",
    ),
}
