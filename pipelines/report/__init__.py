"""What a run came to: figures, tables, warnings, and one HTML page of them all."""
