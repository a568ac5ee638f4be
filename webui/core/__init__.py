"""The ground: plain data and pure functions. Python, Pillow and numpy only; knows nothing of the other rooms."""
