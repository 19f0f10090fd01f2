"""The run folder: its files, its data record, the lists of what is taught and tested."""
