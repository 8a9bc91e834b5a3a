"""Nim: pictures."""
