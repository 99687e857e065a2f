"""A pygame window that shows what ``render()`` draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Window:
    """Shows RGB frames at a steady rate; V asks for the next view."""

    def __init__(self, title: str, fps: int) -> None:
        """Prepare a window; it opens with the first frame.

        Args:
            title: What the title bar says.
            fps: Frames per second at which :meth:`show` paces its caller; 0 for as fast as it goes.
        """
        import pygame

        self._pygame = pygame
        self._title, self._fps = title, fps
        self._surface: Any = None
        self._clock = pygame.time.Clock()

    def show(self, frame: NDArray[np.uint8]) -> bool:
        """Show one frame of shape (height, width, 3), wait for its turn and say whether V was pressed."""
        pygame = self._pygame
        if self._surface is None:
            pygame.display.init()
            self._surface = pygame.display.set_mode((frame.shape[1], frame.shape[0]))
            pygame.display.set_caption(self._title)
        pygame.event.pump()
        pygame.surfarray.blit_array(self._surface, frame.transpose(1, 0, 2))
        pygame.display.flip()
        if self._fps:
            self._clock.tick(self._fps)
        # Looked at rather than taken off the queue: whoever listens to the keys still gets every event.
        return bool(pygame.key.get_just_pressed()[pygame.K_v])

    def close(self) -> None:
        """Close the window."""
        if self._surface is not None:
            self._pygame.display.quit()
            self._surface = None
