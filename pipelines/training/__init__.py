"""The training loop, its schedules, and successive halving of several initialisations."""
