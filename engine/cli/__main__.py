"""`python -m engine.cli` is `tesuji`."""

import sys

from engine.cli import main

sys.exit(main())
