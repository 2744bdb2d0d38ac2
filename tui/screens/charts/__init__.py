"""The charts of curves that screens share: how they are laid out, and what keys and the mouse do with them."""
