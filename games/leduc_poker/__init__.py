"""Leduc poker: symmetries, rendering, whole and as one player sees it."""
