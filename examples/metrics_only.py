"""Score codes of any encoder against known factors: numpy arrays in, numbers out, no torch.

python examples/metrics_only.py
"""

import numpy as np

from vision.metrics import dci, mig, sap

rng = np.random.default_rng(0)
factors = rng.integers([3, 4, 5], size=(1500, 3))  # (N, K): the values of shape, size, colour in each image
clean = factors + 0.1 * rng.normal(size=factors.shape)  # (N, D): a latent for each factor
rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]

for name, codes in {"one latent per factor": clean, "rotated": clean @ rotation}.items():
    scores = dci(codes, factors)  # a third of the points is drawn to test on
    print(
        f"{name:22s} MIG {mig(codes, factors):.2f}  SAP {sap(codes, factors):.2f}  "
        f"DCI {scores.disentanglement:.2f} {scores.completeness:.2f} {scores.informativeness_test:.2f}"
    )
