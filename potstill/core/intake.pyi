"""A request's body on its way in. All of it is for other compiled modules (intake.pxd)."""
