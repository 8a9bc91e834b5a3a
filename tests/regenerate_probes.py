"""Make the probes that rooms ship anew, or some of their families, or only the marks of what is held out.

python tests/regenerate_probes.py ROOM [ROOM ...] [--family NAME]   (minutes each)
python tests/regenerate_probes.py --marks                           (of all rooms)
"""

from __future__ import annotations

import argparse

from engine.game import room, rooms
from engine.probing.held_out import mark
from engine.probing.suite import FILE, room_probes, shipped, write_probes


def main() -> None:
    """Write the files of the rooms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", nargs="*", choices=[*rooms(), []], metavar="ROOM")
    parser.add_argument("--family", action="append", metavar="NAME", help="only this family; repeatable")
    parser.add_argument("--marks", action="store_true", help="keep all probes, and mark anew what is held out")
    options = parser.parse_args()
    for name in options.room or (rooms() if options.marks else []):
        folder = room(name).folder
        if folder is None or room(name).module("probes") is None:
            if options.room:
                parser.error(f"{name}: no room, or one without probes.py")
            continue
        kept = [mark(probe) for probe in shipped([name]).probes]
        if not options.marks:
            made = room_probes(name, options.family)
            families = {probe.family for probe in made}
            order = [*dict.fromkeys(probe.family for probe in [*kept, *made])]
            kept = [*made, *(probe for probe in kept if options.family and probe.family not in families)]
            kept.sort(key=lambda probe: order.index(probe.family))
        write_probes(folder / FILE, kept)


if __name__ == "__main__":
    main()
