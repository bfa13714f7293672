"""Textured meshes: the mesh, its file formats, its renderer and the six views of it."""
