"""Request targets and authorities. All of this module is for other compiled ones (target.pxd)."""
