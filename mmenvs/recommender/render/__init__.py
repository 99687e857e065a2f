"""The shop page that a person sees: what was on offer, what was recommended, how the user took it.

``env.render()`` gives the picture.  The same page at any size, or as HTML with all that the simulator
knows, is drawn from the simulator behind an environment::

    from mmenvs.recommender.render import draw_page, page_html, save_page

    env = gym.make("mmenvs/Recommender-v0")
    env.reset(seed=0)
    env.step(3)
    picture = draw_page(env.unwrapped.simulator, 0, scale=2)  # uint8 of shape (720, 1280, 3)
    save_page(env.unwrapped.simulator, 0, "page.html")
"""

from __future__ import annotations

from mmenvs.recommender.render.html import page_html
from mmenvs.recommender.render.page import draw_page, save_page

__all__ = ["draw_page", "page_html", "save_page"]
