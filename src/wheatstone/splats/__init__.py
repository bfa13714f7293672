"""Gaussian splats: the scene, its cameras, its file formats and its renderer."""
