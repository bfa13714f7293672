"""A checkout of the same modules, names and habits as CRM's, which does small but real work with numpy and Pillow.

It draws noise and lets it become the picture, step by step; its coordinate maps decide where a mesh's corners are.
It brings a `torch` and an `omegaconf` of its own, as far as the adapter and it use them. `switches.json` in the
checkout says what goes wrong, and where.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from wheatstone.settings import CrmSettings, Settings

CHECKPOINTS = ("CRM.pth", "pixel-diffusion.pth", "ccm-diffusion.pth")

FILES = {
    "switches.py": """
import json, os, signal, subprocess, sys, time


def at(where):
    with open("switches.json") as file:
        what = json.load(file).get(where)
    if what == "noise":
        print("alpha channel not empty {")
        os.write(1, b"\\xff\\x00 no newline")
        subprocess.run([sys.executable, "-c", "print('from a process')"])
        assert sys.stdin.read() == ""
    elif what == "memory":
        import torch
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB)")
    elif what == "old memory":
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    elif what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "exit":
        sys.exit("this script gives up")
    elif what == "hang":
        time.sleep(3600)
    elif what == "slow":
        time.sleep(0.02)
    elif what == "bug":
        raise ZeroDivisionError("division by zero")
    elif what == "module":
        import nvdiffrast.torch
    elif what == "library":
        raise ImportError("libcudart.so.11.0: cannot open shared object file")
""",
    "torch.py": """
import json, pickle
import numpy as np
import switches

__version__ = "1.13.1+stand.in"
float16 = np.float16


class cuda:
    class OutOfMemoryError(RuntimeError):
        pass

    @staticmethod
    def is_available():
        with open("switches.json") as file:
            return not json.load(file).get("no gpu")

    @staticmethod
    def empty_cache():
        pass


_chance = np.random.RandomState()


def manual_seed(seed):
    _chance.seed(seed)


def randn(*shape):
    return _chance.standard_normal(shape)


def load(file, map_location=None, weights_only=False):
    with open(file, "rb") as source:
        content = source.read()
    if content.startswith(b"more than tensors") and weights_only:
        raise pickle.UnpicklingError("Unsupported class posix.system")
    return {"weight": np.frombuffer(content[-1:], np.uint8)}
""",
    "omegaconf.py": """
import json
from types import SimpleNamespace


class OmegaConf:
    @staticmethod
    def load(path):
        with open(path) as file:
            return json.load(file, object_hook=lambda table: SimpleNamespace(**table))
""",
    "imagedream/__init__.py": "",
    "imagedream/sampling.py": """
import numpy as np
import switches
import torch


class DDIMSampler:
    def __init__(self, where, weight):
        self.where, self.weight = where, weight

    def sample(self, S, goal, scale, callback=None):
        noise = torch.randn(*goal.shape)
        for i in range(S):
            switches.at(self.where)
            image = goal + noise * (1 - (i + 1) / S) + noise * self.weight * 24 / S / scale
            if callback:
                callback(i)
        return np.clip(image, 0, 255).astype(np.uint8)


class Sampling:
    seed = 1234
    ref_position = 6

    def __init__(self, where, weight):
        self.sampler = DDIMSampler(where, float(weight))
""",
    "model/__init__.py": """
from model.crm import CRM
""",
    "model/crm.py": """
import switches


class CRM:
    def __init__(self, specs):
        switches.at("load")
        self.side = specs["side"]

    def to(self, device):
        assert device == "cuda"
        return self

    def load_state_dict(self, state, strict=True):
        assert not strict
        self.weight = float(state["weight"][0])
""",
    "pipelines.py": """
import numpy as np
import rembg
import torch
from PIL import Image
from imagedream.sampling import Sampling

rembg_session = rembg.new_session()


class TwoStagePipeline(object):
    def __init__(self, stage1_model_config, stage2_model_config, stage1_sampler_config, stage2_sampler_config,
                 device="cuda", dtype=torch.float16, resize_rate=1):
        weight = torch.load(stage1_model_config.resume, map_location="cpu")["weight"][0]
        self.stage1_sampler = Sampling(stage1_sampler_config.target, weight)
        weight = torch.load(stage2_model_config.resume, map_location="cpu")["weight"][0]
        self.stage2_sampler = Sampling(stage2_sampler_config.target, weight)

    def set_seed(self, seed):
        self.stage1_sampler.seed = self.stage2_sampler.seed = seed

    def stage1_sample(self, pixel_img, prompt="3D assets", step=50, scale=5):
        small = pixel_img.resize((256, 256))
        turned = [small.rotate(9 * k) for k in range(7)]
        goal = np.stack([np.asarray(image, np.float64) for image in turned])
        images = self.stage1_sampler.sampler.sample(S=step, goal=goal, scale=scale)
        images = [Image.fromarray(image) for image in images]
        images.pop(self.stage1_sampler.ref_position)
        return images

    def stage2_sample(self, pixel_img, stage1_images, scale=5, step=50):
        goal = np.stack([255 - np.asarray(image, np.float64) for image in stage1_images])
        images = self.stage2_sampler.sampler.sample(S=step, goal=goal, scale=scale)
        return [Image.fromarray(image) for image in images]
""",
    "inference.py": """
import json, struct, tempfile, zipfile
import numpy as np
from PIL import Image
import switches
import torch


def generate3d(model, rgb, ccm, device):
    switches.at("mesh")
    means = ccm.reshape(256, 6, 256, 3).mean(axis=(0, 2)) + torch.randn(6, 3) / 100
    path = tempfile.NamedTemporaryFile(suffix="", delete=False).name
    stem = path.split("/")[-1]
    with open(path + ".obj", "w") as file:
        file.write("mtllib %s.mtl\\n" % stem)
        for mean in means:
            file.write("v %f %f %f\\n" % tuple(mean / 127.5 - 1))
        file.write("vt 0 0\\nvt 1 0\\nvt 0 1\\nusemtl material_0\\nf 1/1 2/2 3/3\\nf 4/1 5/2 6/3\\n")
    with open(path + ".mtl", "w") as file:
        file.write("newmtl material_0\\nmap_Kd %s.png\\n" % stem)
    Image.fromarray(np.ascontiguousarray(rgb[::2, ::6])).save(path + ".png")
    document = json.dumps({"asset": {"version": "2.0"}}).encode().ljust(32)
    glb = tempfile.NamedTemporaryFile(suffix="", delete=False).name + ".glb"
    with open(glb, "wb") as file:
        file.write(b"glTF" + struct.pack("<IIII", 2, 20 + len(document), len(document), 0x4E4F534A) + document)
    with zipfile.ZipFile(path + ".zip", "w") as archive:
        for suffix in (".obj", ".png", ".mtl"):
            archive.write(path + suffix, stem + suffix)
    return glb, path + ".zip"
""",
    "configs/specs_objaverse_total.json": json.dumps({"side": 256}),
    "configs/nf7_v3_SNR_rd_size_stroke.yaml": json.dumps(
        {"config": {"models": {"resume": "models/pixel.pth"}, "sampler": {"target": "views"}}}
    ),
    "configs/stage2-v2-snr.yaml": json.dumps(
        {"config": {"models": {"resume": "models/xyz.pth"}, "sampler": {"target": "coordinates"}}}
    ),
    "switches.json": "{}",
}


def write_checkout(home: Path) -> Path:
    """Write the checkout, checkpoints and all; returns `home`."""
    for name, text in FILES.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for number, name in enumerate(CHECKPOINTS):
        (home / name).write_bytes(b"tensors" + bytes([number + 1]))
    return home


def switch(home: Path, **switches: str | bool) -> None:
    """Say what goes wrong: `views="crash"`."""
    named = {name.replace("_", " "): what for name, what in switches.items()}
    (home / "switches.json").write_text(json.dumps(named), encoding="utf-8")


def settings_for(home: Path, *, python: str = sys.executable, **crm: Any) -> Settings:
    """Settings with this checkout set up."""
    return Settings(
        cache_dir=home.parent / "cache", crm=CrmSettings(home=home, python=Path(python), **{"step": 6, **crm})
    )
