"""The training loop, its schedules, and the choice among several initialisations."""
