"""Hex: pictures."""
