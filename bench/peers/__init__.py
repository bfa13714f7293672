"""What the benches compare with and nobody ships: peers that we wrote ourselves."""
