"""Tesuji: fine-tune pretrained game agents by self-play.

The public API is on one screen in `engine/api.py`: `load`, `search`, `train`, `match`, `evaluate`. Importing this
package alone imports nothing else, so that `tesuji --help` answers at once.
"""

__version__ = "0.1.0"
