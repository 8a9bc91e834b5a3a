"""Othello, 8 x 8: symmetries, rendering, probes, weights."""
