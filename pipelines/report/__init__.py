"""The report of a run: figures, tables, warnings, and one HTML page of them all."""

import logging

# Without a writable home matplotlib keeps its cache in a temporary folder, and logs two lines about it.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
