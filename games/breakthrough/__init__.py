"""Breakthrough: pictures."""
