"""Code that Cairn's functions share: the vocabulary (`model`), the pure rules, and one adapter per external service."""
