"""Chess: pictures."""
