"""Liar's dice: rendering, whole and as one player sees it."""
