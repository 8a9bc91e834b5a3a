"""Othello, 8 x 8: symmetries, rendering, weights."""
