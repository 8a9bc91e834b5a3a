"""Dots and Boxes: pictures."""
