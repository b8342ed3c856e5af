"""Cameras that are not there, or give no picture."""

import cv2
import numpy as np
import pytest

from srn_core.errors import UserError
from srn_core.tracking.sources import VideoSource


class Camera:
    """Gives so many pictures, then none."""

    def __init__(self, pictures: int) -> None:
        self.pictures = pictures

    def isOpened(self) -> bool:  # noqa: N802  as in OpenCV
        return True

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.pictures -= 1
        return self.pictures >= 0, np.zeros((4, 4, 3), np.uint8)

    def release(self) -> None:
        pass


@pytest.mark.parametrize("number", ["2147483648", "9" * 20])
def test_a_number_that_no_camera_has(number: str) -> None:
    with pytest.raises(UserError, match=f"camera {number}: no such camera"):
        next(VideoSource(number).frames())


def test_a_camera_without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera(0))
    with pytest.raises(UserError, match="camera 3: gives no picture"):
        next(VideoSource("3").frames())
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera(2))
    assert len(list(VideoSource("3").frames())) == 2
