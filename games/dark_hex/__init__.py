"""Dark Hex: symmetry, rendering, whole and as one player sees it."""
