"""Five frameworks in one process: each shop below a path of its own, which it knows nothing of."""

from importlib import import_module

from potstill.middleware import Mount
from tests.apps.scenarios import FRAMEWORKS

app = Mount({f"/shops/{name}": import_module(f"tests.apps.with_{name}").app for name in FRAMEWORKS})
