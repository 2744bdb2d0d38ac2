"""The queue: runs that wait for a core or a GPU, and who starts them."""
