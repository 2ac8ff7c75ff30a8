"""At the desk: what `--dev` adds to the server that is deployed.

ledger, patterns, importing   which files a worker has read, and in what state
watcher                       notices that one has changed, and says so
facts, pages, html            an exception, told as text, JSON or HTML
errors, debugger, visitor     … to whom, and with a console in it
broken                        the application of a worker whose own could not be loaded
live                          browsers that load their pages again
around                        what all of those have in common that stand around an answer
lint, lint_blocks, findings   an application held against PEP 3333
profile, record, replay       slow requests; requests sent again
discovery                     the application of the current directory
wrapping                      all of these around an application, in order
"""
