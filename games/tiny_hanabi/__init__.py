"""Tiny Hanabi: two players, one hidden card each, one action each, and a table of what both get."""
