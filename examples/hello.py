"""The smallest application: `potstill hello:app` in this directory, or `python hello.py`."""


def app(environ, start_response):
    name = environ["PATH_INFO"].strip("/") or "world"
    body = f"Hello, {name}!\n".encode("latin-1")  # PEP 3333: the path is bytes in the clothes of latin-1 text
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [body]


if __name__ == "__main__":
    from potstill import serve

    serve(app)
