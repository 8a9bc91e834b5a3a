"""Dots and Boxes: who owns which box, probes of its endgames."""
