"""The fill model: what the real exchange would have done with an order."""
