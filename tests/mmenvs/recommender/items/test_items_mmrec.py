"""MMRec's folders: features and interactions by number."""

import numpy as np
import pytest

from mmenvs.recommender.items.mmrec import TRAIN, catalogue_from_mmrec, read_mmrec_interactions

_HEADER = "userID\titemID\trating\ttimestamp\tx_label\n"


def _folder(folder, image=None, text=None, rows="0\t0\t5.0\t10\t0\n1\t2\t3.0\t11\t0\n1\t2\t\t12\t2\n"):
    folder.mkdir(exist_ok=True)
    (folder / "baby.inter").write_text(_HEADER + rows)
    for name, features in (("image", image), ("text", text)):
        if features is not None:
            np.save(folder / f"{name}_feat.npy", features)
    return folder


@pytest.fixture
def features():
    return np.random.default_rng(0).standard_normal((50, 20))


def test_interactions_are_columns(tmp_path, features):
    columns = read_mmrec_interactions(_folder(tmp_path, features))
    assert columns["userID"].tolist() == [0, 1, 1] and columns["itemID"].dtype == np.int64
    np.testing.assert_array_equal(columns["rating"], [5.0, 3.0, np.nan])
    assert (columns["x_label"] == TRAIN).tolist() == [True, True, False]


def test_features_become_components_and_mosaics(tmp_path, features):
    catalogue = catalogue_from_mmrec(_folder(tmp_path, features, 2 * features), image_size=6, text_size=4)
    assert len(catalogue) == 50 and catalogue.report == {}
    assert catalogue.picture_features.shape == (51, 6) and catalogue.text.shape == (50, 4)
    np.testing.assert_allclose(catalogue.picture_features[1:].var(axis=0), 1.0, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(catalogue.text, axis=1), 1.0, rtol=1e-5)
    assert catalogue.pictures.shape == (51, 32, 32, 3)
    assert len(np.unique(catalogue.pictures.reshape(51, -1), axis=0)) == 51
    assert catalogue.traits["image"].shape == (50, 6) and catalogue.traits["text"].shape == (50, 4)
    # The rows of the test split do not count.
    assert catalogue.popularity[0] == catalogue.popularity[2] == 1 and catalogue.popularity[1] == 0
    again = catalogue_from_mmrec(tmp_path, image_size=6, text_size=4)
    np.testing.assert_array_equal(again.picture_features, catalogue.picture_features)


def test_items_without_features_are_counted(tmp_path, features):
    features[3], features[4, 1] = 0.0, np.nan
    folder = _folder(tmp_path, features, features[:45], rows="0\t51\t1\t1\t0\n")
    catalogue = catalogue_from_mmrec(folder)
    assert len(catalogue) == 52
    assert catalogue.report == {"missing pictures": 4, "missing texts": 9}
    assert np.flatnonzero(catalogue.look == 0).tolist() == [3, 4, 50, 51]
    with pytest.raises(ValueError, match=r"9 missing texts \(3, 4, 45, …\)"):
        catalogue_from_mmrec(folder, strict=True)


def test_one_modality_is_enough(tmp_path, features):
    catalogue = catalogue_from_mmrec(_folder(tmp_path, text=features))
    assert catalogue.report == {"missing pictures": 50} and not catalogue.look.any()
    assert len(catalogue.pictures) == 1 and np.isfinite(catalogue.embedding).all()
    (tmp_path / "text_feat.npy").unlink()
    with pytest.raises(ValueError, match="neither image_feat"):
        catalogue_from_mmrec(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0\t-1\t1\t1\t0\n", "line 2: itemID=-1.0; must be a whole number from 0"),
        ("0\t1\t1\t1\t3\n", "line 2: x_label=3.0; must be a whole number from 0 to 2"),
        ("0\t1\t1\t1\t0\n0.5\t1\t1\t1\t0\n", "line 3: userID=0.5"),
        ("0\t\t1\t1\t0\n", "line 2: itemID=nan"),
        ("0\t1\t1\n", "line 2: 3 fields; the header has 5"),
        ("x\t1\t1\t1\t0\n", "line 2: .* must all be numbers"),
    ],
)
def test_bad_rows_are_refused_by_line(tmp_path, features, rows, message):
    with pytest.raises(ValueError, match=message):
        catalogue_from_mmrec(_folder(tmp_path, features, rows=rows))


def test_bad_folders_and_files_are_named(tmp_path, features):
    with pytest.raises(ValueError, match=r"0 \.inter files"):
        catalogue_from_mmrec(tmp_path)
    with pytest.raises(ValueError, match="no such file or folder"):
        read_mmrec_interactions(tmp_path / "gone")
    folder = _folder(tmp_path, features[0])
    with pytest.raises(ValueError, match=r"image_feat.npy: float64 of shape \(20,\)"):
        catalogue_from_mmrec(folder)
    (folder / "image_feat.npy").write_text("no array")
    with pytest.raises(ValueError, match="is no array of numbers"):
        catalogue_from_mmrec(folder)
    with pytest.raises(ValueError, match="image_size=0"):
        catalogue_from_mmrec(folder, image_size=0)
    (folder / "baby.inter").write_text("user\titem\n")
    with pytest.raises(ValueError, match="there is no column 'userID'"):
        catalogue_from_mmrec(folder)
