"""The convolutional decoder: five maps, coarsest first, become one map of the finest side.

The structure is that of dense prediction transformers (Ranftl et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from wheatstone.models.sharp.layers import Fusion


class Decoder(nn.Module):
    """Fuses the encoder's maps."""

    def __init__(self, level_widths: Sequence[int], width: int) -> None:
        super().__init__()
        finest, *coarser = level_widths
        self.convs = nn.ModuleList(
            [
                nn.Identity() if finest == width else nn.Conv2d(finest, width, 1, bias=False),
                *(nn.Conv2d(level, width, 3, padding=1, bias=False) for level in coarser),
            ]
        )
        coarsest = len(coarser)
        self.fusions = nn.ModuleList(
            Fusion(width, has_skip=level < coarsest, doubles=level > 0) for level in range(coarsest + 1)
        )

    def forward(self, levels: Sequence[Callable[[], Tensor]]) -> Tensor:
        """Maps (B, C, s, s), finest first, to (B, width, s, s) of the finest side.

        Each is asked for when its turn comes, and let go after.
        """
        *finer, coarsest = range(len(levels))
        values: Tensor = self.fusions[coarsest](self.convs[coarsest](levels[coarsest]()))
        for level in reversed(finer):
            fusion = self.fusions[level]
            fusion.add(values, self.convs[level](levels[level]()))  # type: ignore[operator, unused-ignore]
            values = fusion(values)
        return values
