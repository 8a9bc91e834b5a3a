"""Networks: what answers a leaf, how it is built, saved and exported."""

from engine.network.build import build
from engine.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from engine.network.network import Network, Sizes, sizes_of, values_of

__all__ = ["Checkpoint", "Network", "Sizes", "build", "load_checkpoint", "save_checkpoint", "sizes_of", "values_of"]
