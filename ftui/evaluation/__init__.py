"""From a saved model and rows to a report."""
