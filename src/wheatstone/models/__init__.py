"""Models and the roles they play."""
