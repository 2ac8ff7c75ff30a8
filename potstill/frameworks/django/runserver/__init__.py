"""Potstill in the place of `manage.py runserver`, for INSTALLED_APPS before "django.contrib.staticfiles"."""
