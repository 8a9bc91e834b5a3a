"""EinStein würfelt nicht!, 5 x 5 with 6 cubes a player: symmetries, rendering, encoder, weights."""
