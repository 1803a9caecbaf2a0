"""Reads what Azure bills an enterprise, exactly, as Singer messages."""
