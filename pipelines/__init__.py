"""Everything with a side effect: configs, run folders, the training loop, the stages, the command line."""
