"""What comes before HTTP on a connection: the word of a proxy, and the handshake of TLS. No Python face."""
