"""What Cairn's functions share: the language (`model`), the pure rules, and one adapter for each thing outside."""
