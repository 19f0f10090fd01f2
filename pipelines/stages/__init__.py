"""The stages of a run: `graph` says what each is made from, and every stage is a module of its name."""
