"""The driving world."""
