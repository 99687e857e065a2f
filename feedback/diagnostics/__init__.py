"""What a store of labels, and a reward learned from it, are worth: measures, an alarm and a report."""
