"""Clobber: pictures."""
