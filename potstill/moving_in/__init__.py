"""The configuration of another server → potstill.toml, with a comment on each line that has no equivalent.

    mapping          what a row of a table is: their option, and ours or what to do instead
    converters       their values → ours
    gunicorn_table   every setting of gunicorn, a row each
    gunicorn         gunicorn.conf.py, a command line and GUNICORN_CMD_ARGS → what was said there
    conf_runner      the process in which a gunicorn.conf.py is run
    uwsgi_table      the usual options of uWSGI
    uwsgi            uwsgi.ini → what was said there
    writing          what was said, by the rows of a table → the text of a potstill.toml

Whatever is written can be read by `potstill.config`: a value that our option would refuse becomes a comment.
"""
