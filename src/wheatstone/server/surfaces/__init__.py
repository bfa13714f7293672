"""The wire surfaces, one module each; none knows another."""
