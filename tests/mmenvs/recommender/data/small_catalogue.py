"""A catalogue of nothing but features, for the tests of this folder."""

import numpy as np

from mmenvs.recommender.items.catalogue import Catalogue


def small_catalogue(features, category=None, ids=None):
    """Make a catalogue whose attributes are ``features``, float of shape (items, features)."""
    items = len(features)
    category = np.zeros(items, np.int64) if category is None else np.asarray(category, np.int64)
    return Catalogue(
        ids=tuple(ids) if ids is not None else tuple(f"item{i}" for i in range(items)),
        titles=("",) * items,
        descriptions=("",) * items,
        category=category,
        category_names=tuple(f"category{c}" for c in range(int(category.max()) + 1)),
        traits={},
        trait_names={},
        text=np.zeros((items, 0), np.float32),
        attributes=np.asarray(features, np.float32),
        attribute_names=tuple(f"a{k}" for k in range(np.shape(features)[1])),
        look=np.zeros(items, np.int64),
        artist=lambda look, size: np.zeros((size, size, 3), np.uint8),
        picture_features=np.zeros((1, 0), np.float32),
        picture_size=16,
        price=np.full(items, np.nan),
        popularity=np.full(items, 0.5),
        quality=np.full(items, np.nan),
        bait=np.zeros(items),
        bias=np.zeros(items),
        season=np.zeros((items, 2)),
    )
