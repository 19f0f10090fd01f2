"""`scan serve`: a page, and the JSON endpoints behind it, on one concept model.

    session    the model, and what is asked of it; one thread uses it
    keeping    taught words in the run folder
    schemas    what a request and an answer look like
    uploads    a picture in a request, as the model takes it
    guard      limits of a request: its host, its size, how many wait; headers of every answer
    app        the endpoints, the page and its two files

It needs the extra `serve`; no other part of the project imports it but the command.
"""
