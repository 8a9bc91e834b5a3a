"""Make the probes that rooms ship anew: python tests/regenerate_probes.py ROOM [ROOM ...] (minutes each)."""

from __future__ import annotations

import sys

from engine.game import room
from engine.probing.suite import FILE, room_probes, write_probes

if __name__ == "__main__":
    for name in sys.argv[1:]:
        folder = room(name).folder
        if folder is None or room(name).module("probes") is None:
            sys.exit(f"{name}: no room, or one without probes.py")
        write_probes(folder / FILE, room_probes(name))
