"""
Django's own tests, with Django alone and with the app: what passed must pass.

``nox -s django_suite`` fetches Django's source distribution and runs this.
"""
