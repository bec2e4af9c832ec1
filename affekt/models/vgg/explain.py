"""What a trained VGG looks for: Grad-CAM on a face, and the class models of Figure 7."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from affekt.models.answering import centred
from affekt.models.crops import centre_crop
from affekt.models.model_folder import load_model
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16

#: Sides of the pictures that are returned, pixels.
_SHOWN = 224
#: Maps with fewer cells along a side say too little about where; an earlier convolution is taken then.
_FEWEST_CELLS = 6


class Explainer:
    """Pictures of what a trained VGG answers to. Build with :meth:`load`."""

    def __init__(self, network: VGG16, preprocessing: Preprocessing, labels: tuple[str, ...]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.preprocessing = preprocessing
        self.labels = labels

    @classmethod
    def load(cls, vgg: Path) -> Explainer:
        """Read the folder that :func:`affekt.training.pictures.train_vgg` wrote.

        Raises:
            DataError: a file is missing or damaged.
        """
        stored = load_model(vgg, "vgg", VGG16)
        assert stored.preprocessing is not None
        return cls(stored.network, stored.preprocessing, stored.labels)

    def heat(self, face: np.ndarray, label: str | None = None) -> np.ndarray:
        """Grad-CAM (Selvaraju et al. 2017): how much each place of the face speaks for a label.

        Args:
            face: uint8 ``[S, S, 3]`` RGB.
            label: what is asked about; None for the network's own answer.

        Returns:
            float32 ``[S, S]`` from 0 to 1; zeros outside the crop that the network sees.
        """
        size = self.preprocessing.input_size
        inputs = self.preprocessing.to_input(torch.from_numpy(centred(face[None], self.preprocessing)))
        layer = next((name for name in ("5_3", "4_3", "3_3") if _cells(name, size) >= _FEWEST_CELLS), "2_2")
        with torch.enable_grad():
            maps = self.network.maps(inputs, until=layer).detach().requires_grad_()
            # The convolutions that follow rectify in place; what they are given must not be the maps themselves.
            last = self.network.maps(maps.clone(), after=layer) if layer != "5_3" else maps
            logits = self.network.from_maps(last)[1][0]
            wanted = logits.argmax() if label is None else torch.tensor(self.labels.index(label))
            (gradient,) = torch.autograd.grad(logits[wanted], maps)
        weight = gradient.mean(dim=(2, 3), keepdim=True)
        cells = F.relu((weight * maps.detach()).sum(1))[0]
        left, top, width, height, _ = (int(v) for v in centre_crop(face.shape[0], self.preprocessing.crops[0]))
        heat = np.zeros(face.shape[:2], np.float32)
        heat[top : top + height, left : left + width] = cv2.resize(cells.numpy(), (width, height))
        return heat / max(float(heat.max()), 1e-12)

    def grad_cam(self, face: np.ndarray, label: str | None = None) -> bytes:
        """The face with :meth:`heat` laid over it, as PNG."""
        heat = (self.heat(face, label) * 255).astype(np.uint8)
        coloured = cv2.applyColorMap(heat, cv2.COLORMAP_INFERNO)
        picture = cv2.addWeighted(cv2.cvtColor(np.ascontiguousarray(face), cv2.COLOR_RGB2BGR), 0.55, coloured, 0.45, 0)
        return _png(picture)

    def class_model(self, label: str, *, iterations: int = 120, seed: int = 0) -> bytes:
        """A picture that the network takes for a label, by gradient ascent (Simonyan et al. 2014), as PNG.

        Starts from faint noise; jitter and a slight blur keep the picture from breaking up into fine grain.
        """
        size = self.preprocessing.input_size
        rng = np.random.default_rng(seed)
        noise = rng.normal(128, 8, (size, size, self.preprocessing.channels)).astype(np.float32)
        picture = torch.from_numpy(cv2.GaussianBlur(noise, (0, 0), 1.5).reshape(size, size, -1))
        wanted = self.labels.index(label)
        with torch.enable_grad():
            for iteration in range(iterations):
                picture = picture.detach().requires_grad_()
                shift = tuple(int(v) for v in rng.integers(-2, 3, size=2))
                inputs = self.preprocessing.to_input(picture.roll(shift, (0, 1))[None])
                score = self.network(inputs)[0].log_softmax(0)[wanted] - 2e-4 * ((picture - 128) ** 2).mean()
                (gradient,) = torch.autograd.grad(score, picture)
                step = 6 * gradient / (gradient.abs().mean() + 1e-12) / 4
                picture = (picture.detach() + step).clamp(0, 255)
                if iteration % 4 == 3:
                    picture = _blurred(picture, 0.6)
        values = picture.detach().numpy()
        values = np.clip((values - values.mean()) / (values.std() + 1e-6) * 50 + 128, 0, 255).astype(np.uint8)
        shown = cv2.resize(values, (_SHOWN, _SHOWN), interpolation=cv2.INTER_CUBIC)
        return _png(shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))


def _cells(layer: str, size: int) -> int:
    pooled: int = 2 ** (int(layer[0]) - 1)
    return -(-size // pooled)


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    shape = picture.shape
    return torch.from_numpy(cv2.GaussianBlur(picture.numpy(), (0, 0), sigma).reshape(shape))


def _png(picture: np.ndarray) -> bytes:
    done, content = cv2.imencode(".png", picture)
    assert done
    return content.tobytes()
