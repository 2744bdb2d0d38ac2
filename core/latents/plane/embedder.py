"""The process that embeds latents, asked by a pickle: `python -P vae_tui.py core.latents.plane.embedder`."""

from __future__ import annotations

import io
import os
import pickle
import re
import sys
import threading
import time
import warnings
from typing import IO, TYPE_CHECKING, Any

from core.latents.options import EMBEDDINGS

if TYPE_CHECKING:
    from core.arrays import Floats
    from core.latents.plane.embedding import Request

ITERATIONS = 1000
SAID_SECONDS = 0.4  # between two words about what is done, and so the longest that it goes on for nobody


class Words(io.TextIOBase):
    """What scikit-learn prints, of which the number of the iteration is told."""

    def __init__(self) -> None:
        self.iteration = 0

    def write(self, text: str) -> int:
        if found := re.search(r"Iteration (\d+):", text):
            self.iteration = int(found[1])
        return len(text)


def find(request: Request) -> Floats:
    """The points (N, 2)."""
    points: Floats
    if request.name == "tsne":
        from sklearn.manifold import TSNE

        method = TSNE(
            perplexity=request.neighbours, init="pca", random_state=request.seed, max_iter=ITERATIONS, verbose=2
        )
        points = method.fit_transform(request.latents)
    else:
        import umap

        # Several threads would make it another one each time.
        method = umap.UMAP(n_neighbors=request.neighbours, random_state=request.seed, n_jobs=1)
        points = method.fit_transform(request.latents)
    return points


class Answers:
    """Sends what is done now and then, and in the end what was found."""

    def __init__(self, pipe: IO[bytes], request: Request, words: Words) -> None:
        self._pipe, self._lock = pipe, threading.Lock()
        self._title, self._words, self._start = EMBEDDINGS[request.name].title, words, time.monotonic()

    def say(self) -> None:
        """In a thread: say what is done, for as long as somebody listens."""
        while True:
            done = f"iteration {self._words.iteration:,} of {ITERATIONS:,}" if self._words.iteration else ""
            self.send(f"{self._title}: {done or f'{time.monotonic() - self._start:.0f} s'}")
            time.sleep(SAID_SECONDS)

    def send(self, answer: Any) -> None:
        """Send words, an error or points."""
        try:
            with self._lock:
                pickle.dump(answer, self._pipe)
                self._pipe.flush()
        except OSError:
            os._exit(0)  # nobody waits


def main() -> None:
    """Answer one request."""
    questions, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request: Request = pickle.load(questions)

    def leave() -> None:
        questions.read()
        os._exit(0)

    threading.Thread(target=leave, daemon=True).start()
    sys.stdout = words = Words()
    answers = Answers(replies, request, words)
    threading.Thread(target=answers.say, daemon=True).start()
    warnings.simplefilter("ignore")
    try:
        found: Floats | Exception = find(request)
    except Exception as error:  # noqa: BLE001 - told to who asks
        found = RuntimeError(str(error))
    answers.send(found)
    os._exit(0)


if __name__ == "__main__":
    main()
