"""Files in the layouts of COFW and WFLW, with the faces of the mean shapes."""

from pathlib import Path

import cv2
import h5py
import numpy as np

from srn_core.face.mean_shapes import MEAN_SHAPES

SIDE = 120
TEXTURE = cv2.resize(np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8), (SIDE + 10, SIDE))


WFLW_LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"
FACES = {name: 60 * np.array(shape) + 60 for name, shape in MEAN_SHAPES.items()}


def write_cofw(path: Path, ending: str, faces: int) -> None:
    """Face i is shifted by i px and hides its first i points; odd ones are grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        cells = file.create_dataset(f"Is{ending}", (1, faces), h5py.ref_dtype)
        phis, boxes = np.zeros((87, faces)), np.zeros((4, faces))
        for i in range(faces):
            picture = (TEXTURE if i % 2 == 0 else TEXTURE[..., 0]).T
            cells[0, i] = file.create_dataset(f"#refs#/{i}", data=picture).ref
            phis[:, i] = np.concatenate([(FACES["29"] + i + 1).T.ravel(), np.arange(29) < i])
            boxes[:, i] = [11, 21, 90, 80]
        file[f"phis{ending}"], file[f"bboxes{ending}"] = phis, boxes


def wflw_row(image: str, box: tuple[int, ...] = (5, 5, 115, 115), attributes: str = "000000") -> str:
    return " ".join([*(f"{v:.6f}" for v in FACES["98"].ravel()), *map(str, box), *attributes, image])


def write_wflw(root: Path) -> None:
    """Ten training photos; two test photos, the second with two faces, one of them occluded and with a box cut short."""
    rows = {
        "train": [wflw_row(f"0--Parade/{i}.jpg") for i in range(10)],
        "test": [
            wflw_row("1--Walk/a.jpg", attributes="100010"),
            wflw_row("1--Walk/b.jpg", attributes="000001"),
            wflw_row("1--Walk/b.jpg", (5, 60, 115, 50), "000010"),
        ],
    }
    for part, lines in rows.items():
        (root / WFLW_LIST.format(part)).parent.mkdir(parents=True, exist_ok=True)
        (root / WFLW_LIST.format(part)).write_text("\n".join(lines) + "\n")
        for line in lines:
            image = root / "WFLW_images" / line.split()[-1]
            image.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(image), TEXTURE)
