"""What the tap needs, measured."""
