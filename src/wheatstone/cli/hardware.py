"""Flags that say what networks run on; several commands share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from wheatstone.cli.parameters import Flag
from wheatstone.settings import Mode, Settings, changed


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class HardwareFlags:
    """What networks run on, and how; what is not named stays as the settings say.

    Attributes:
        mode: What `sharp` runs on: the best there is (`auto`), a GPU of any maker or of one, or the CPU.
        no_amp: Keep float32: slower, and every digit counts.
        no_cudnn_benchmark: Let cuDNN not try its algorithms on the first photo (NVIDIA).
        gradient_checkpointing: Let `sharp` see the parts of a photo one by one: less memory on a GPU, more time.
            On a CPU it saves next to nothing.
        compile: Let PyTorch write kernels for `sharp`: the first photo takes minutes longer.
    """

    mode: Annotated[Mode | None, Parameter(alias="-m")] = None
    no_amp: Flag = False
    no_cudnn_benchmark: Flag = False
    gradient_checkpointing: Flag = False
    compile: Flag = False

    @property
    def sections(self) -> dict[str, Any]:
        """Settings by section; None for what was not named."""
        return {
            "mode": self.mode,
            "gpu": {
                "enable_amp": False if self.no_amp else None,
                "enable_cudnn_benchmark": False if self.no_cudnn_benchmark else None,
                "compile": self.compile or None,
            },
            "optimization": {"gradient_checkpointing": self.gradient_checkpointing or None},
        }

    def applied(self, settings: Settings) -> Settings:
        """The settings, with what was named."""
        if self.mode is not None:
            settings = settings.model_copy(update={"mode": self.mode})
        for section in ("gpu", "optimization"):
            named = {key: value for key, value in self.sections[section].items() if value is not None}
            settings = changed(settings, section, **named)
        return settings
