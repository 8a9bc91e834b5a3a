"""Connect Four, 6 rows x 7 columns: symmetry, rendering, perfect-play oracle, held-out positions, probes, weights."""
