"""Scripts that the Makefile runs for developers. Nothing here is deployed."""
