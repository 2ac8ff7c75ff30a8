"""One exchange's answer: start_response, write(), iteration, framing (PEP 3333, RFC 9112 section 6).

All of it is for other compiled modules (response.pxd); applications meet an Exchange as their start_response.
"""
