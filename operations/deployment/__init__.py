"""A deployment's whole life: where it goes, what has to be true before it, how it is protected, and how it ends."""
