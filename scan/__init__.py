"""Words grounded in images: SCAN, its recombination operators, sym2img, img2sym, and how well they do."""
