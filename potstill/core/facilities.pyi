"""What environ offers beyond PEP 3333. All of it is for other compiled modules (facilities.pxd)."""
