"""The embedded model `relief`: a photo becomes two complete layers of splats, without a network for depth."""
