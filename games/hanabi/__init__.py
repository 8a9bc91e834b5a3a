"""Hanabi: rendering, whole and as one player sees it."""
