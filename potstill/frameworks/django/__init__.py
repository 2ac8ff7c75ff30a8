"""Django: `manage.py potstill`, for projects that have "potstill.frameworks.django" in INSTALLED_APPS.

"potstill.frameworks.django.runserver" there, before "django.contrib.staticfiles", puts Potstill in the place
of `manage.py runserver` as well.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

APPLICATION = "potstill.frameworks.django:application"
STATIC = "django.contrib.staticfiles"


def application(*, static: bool = True, insecure: bool = False) -> WSGIApplication:
    """The project's application, as DJANGO_SETTINGS_MODULE and WSGI_APPLICATION have it.

    Static files are served where `runserver` would: with `static`, in a project that has the application for
    them, and DEBUG or `insecure`.
    """
    settings = import_module("django.conf").settings
    made = import_module("django.core.servers.basehttp").get_internal_wsgi_application()
    if static and STATIC in settings.INSTALLED_APPS and (settings.DEBUG or insecure):
        made = import_module(f"{STATIC}.handlers").StaticFilesHandler(made)
    found: WSGIApplication = made
    return found
